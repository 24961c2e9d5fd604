"""
Counting what has ended: rollups by minute, from them by hour, and from those by day.

Figures are absolute. The last minutes are counted anew each time: a transaction may commit
a while after it has read the clock. What is counted twice comes to the same, and a minute's
count never falls, though its rows may have been deleted or retried since.

What is new of it is added to the totals, in the same transaction: those go on when the rollups
of single hours and days are deleted.

Any number of keepers may count: one claims each turn. Should two count at once, the later
one waits for the watermark, which both of them move, and then sees what the other wrote.
"""

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from django.db import transaction

from boogie.apps.tasks.conf import conf
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.db.moments import in_utc
from boogie.apps.tasks.models import (
    Release,
    Rollup,
    RollupQuerySet,
    Task,
    TaskQuerySet,
    Watermark,
)
from boogie.apps.tasks.models.rollup import (
    BEGINNING,
    FIGURES,
    HOUR,
    KEPT,
    KEY,
    MINUTE,
    SPANS,
    TOTAL,
    digest,
    floor,
)
from boogie.apps.tasks.rollups import tallies

#: Seconds between two turns of all keepers together.
EVERY = 50.0
#: For how long what was counted is counted again.
LATE = timedelta(minutes=3)
#: How much time one turn counts at most, by the shortest rollups that it makes: of what is so long
#: ago that its minutes are not kept any more, those are hours.
CHUNK = {MINUTE: timedelta(minutes=30), HOUR: timedelta(hours=6)}
#: Rollups of one span that one turn deletes at most.
BATCH = 1000

#: The one watermark. It is at the beginning at first: before all that is counted.
ONE = 1


class Turns:
    """The turns of one keeper. While nothing ends, a turn is one statement."""

    def __init__(self) -> None:
        #: Where the watermark was when it was read last; it never goes back.
        self._since: datetime | None = None

    def take(self) -> bool:
        """Count what ended since the watermark; return whether there is more to count."""
        rows = Task.objects.on_primary()
        known = self._since
        if known is not None and not tallies.ended_since(rows, known).exists():
            return False
        marks = Watermark.objects.on_primary().annotate(now=Moment())
        mark: Any = marks.first() or _begun(marks)
        self._since = since = in_utc(mark.since)
        if in_utc(mark.due) > (now := in_utc(mark.now)):
            return False
        has_ended = since == known or tallies.ended_since(rows, since).exists()
        return has_ended and _is_claimed() and _turn(rows, since, now)


def count() -> bool:
    """Take one turn, as a keeper does that knows of none before."""
    return Turns().take()


def _begun(marks: Any) -> Any:
    """Set the watermark: what is there already is counted, too."""
    marks.bulk_create([Watermark(pk=ONE, since=BEGINNING)], ignore_conflicts=True)
    return marks.get()


def _is_claimed() -> bool:
    """Claim the turn if nobody has."""
    mine = Watermark.objects.on_primary().filter(due__lte=Moment())
    return bool(mine.update(due=Moment(EVERY)))


def _turn(rows: TaskQuerySet, since: datetime, now: datetime) -> bool:
    this_minute = floor(now, MINUTE)
    begin = _next_end(rows, since, now)
    shortest = MINUTE if begin >= now - KEPT[MINUTE] else HOUR
    begin = floor(begin, shortest)
    end = min(begin + CHUNK[shortest], this_minute + timedelta(minutes=1))
    counted = _by(shortest, tallies.ended(rows, begin, end))
    mark, is_behind = max(since, min(end, this_minute - LATE)), end <= now
    changes: dict[str, Any] = {"since": mark, **({"due": Moment()} if is_behind else {})}
    rollups = Rollup.objects.on_primary()
    with transaction.atomic(using=rollups.db):
        # First, since it locks: what others have written is seen by the statements after it.
        if not Watermark.objects.using(rollups.db).filter(since=since).update(**changes):
            return True
        _add_to_totals(rollups, _keep(rollups, shortest, counted))
        spans = list(SPANS)
        for parts, span in pairwise(spans[spans.index(shortest) :]):
            for start in sorted({floor(key[0], span) for key in counted}):
                _keep(rollups, span, _sum(rollups, span, parts, start))
    _forget(rollups, mark)
    return is_behind


def _next_end(rows: TaskQuerySet, since: datetime, now: datetime) -> datetime:
    """Return the minute to go on with: long pauses are left out, and what is too old."""
    if now - since <= CHUNK[MINUTE]:
        return since
    first = tallies.first_end(rows, max(since, now - KEPT[HOUR]))
    return floor(now, MINUTE) if first is None else floor(first, MINUTE)


# --- writing --------------------------------------------------------------------------


def _by(span: str, counted: tallies.Tallies) -> tallies.Tallies:
    """Add up what was counted by minute."""
    if span == MINUTE:
        return counted
    values = ((*key, *tally.figures) for key, tally in counted.items())
    return tallies.add_up(values, lambda start, *key: (floor(start, span), *key))


def _keep(rollups: RollupQuerySet, span: str, counted: tallies.Tallies) -> tallies.Tallies:
    """
    Store what was counted, but for what is stored with a count as high.

    Return how much more that is than what was stored before.
    """
    starts = {key[0] for key in counted}
    stored = rollups.filter(span=span, start__in=starts).values_list("digest", *FIGURES)
    before = {key: figures for key, *figures in stored}
    found, gained = [], {}
    for key, tally in counted.items():
        old = before.get(digest(span, *key))
        if old is None or tally.count > old[0]:
            found.append(Rollup.of(span, key, tally.figures))
            gained[key] = tally.beyond(old)
    rollups.put(found)
    return gained


def _add_to_totals(rollups: RollupQuerySet, gained: tallies.Tallies) -> None:
    """Add what is new to the totals, which have no types of errors."""
    keys = {(BEGINNING, *key[1:-1], "") for key in gained}
    stored = rollups.filter(digest__in=[digest(TOTAL, *key) for key in keys])
    values = [(*key, *tally.figures) for key, tally in gained.items()]
    values += stored.values_list(*KEY, *FIGURES) if keys else ()
    totals = tallies.add_up(values, lambda _start, *key: (BEGINNING, *key[:-1], ""))
    rollups.put(Rollup.of(TOTAL, key, tally.figures) for key, tally in totals.items())


def _sum(rollups: RollupQuerySet, span: str, parts: str, start: datetime) -> tallies.Tallies:
    """Add up the parts of the span that begins at ``start``."""
    found = rollups.between(parts, start, start + timedelta(seconds=SPANS[span]))
    values = found.order_by("start").values_list(*KEY, *FIGURES)
    return tallies.add_up(values, lambda _start, *key: (start, *key))


def _forget(rollups: RollupQuerySet, mark: datetime) -> None:
    """Delete what is past its time, seen from the watermark: it may be far behind."""
    for span, kept in KEPT.items():
        old = rollups.filter(span=span, start__lt=mark - kept).order_by("start")
        if chunk := list(old.values_list("pk", flat=True)[:BATCH]):
            rollups.filter(pk__in=chunk)._raw_delete(rollups.db)


# --- versions -------------------------------------------------------------------------


def note_release() -> None:
    """Store the project's version if no worker had it before."""
    version = conf.VERSION
    releases = Release.objects.on_primary()
    if version is not None and not releases.filter(version=version).exists():
        releases.bulk_create([Release(version=version)], ignore_conflicts=True)
