"""
What holds back a row that waits: of many, in few words; of one, also since when, and who is first.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from boogie.apps.tasks import limits
from boogie.apps.tasks.holds import looking
from boogie.apps.tasks.lifecycle import parking, timing
from boogie.apps.tasks.models import Hold, Limit, Slot, Task
from boogie.apps.tasks.monitoring import counting
from boogie.apps.tasks.monitoring.counting import Count

from . import by

#: Rows before one are counted up to here, and so many of those that run are named.
CAP, NAMED = 1000, 5


@dataclass(frozen=True)
class Held:
    """What holds a row back, for people and as the filter ``held_by`` takes it."""

    what: str

    @property
    def words(self) -> str:
        """It as the rest of a sentence that begins with *held by*."""
        return by.in_words(self.what)

    @property
    def sentence(self) -> str:
        """It by itself."""
        return _("held by %(text)s") % {"text": self.words}


@dataclass(frozen=True)
class Waits(Held):
    """The same of one row, and what it waits for."""

    since: datetime
    #: How many of how many run; empty where nothing of that kind is counted.
    room: str = ""
    #: The rows that were made before it and wait in the same line; ``None``: there is no line.
    before: Count | None = None
    first: Task | None = None
    running: list[Task] = field(default_factory=list)
    #: Of a rate, when the next one may start.
    next_start: datetime | None = None


def of_rows(rows: Iterable[Task]) -> dict[Any, Held]:
    """Return by its key what holds each row back, if anything does; no query if none waits."""
    queued = [row for row in rows if row.is_queued]
    if not queued:
        return {}
    holds = looking.active()
    found = {row.pk: Held(hold.key) for row in queued if (hold := looking.of_row(holds, row))}
    sleeping = {row.pk: row.held_by for row in queued if row.pk not in found and _sleeps(row)}
    stored = _limits(queued[0]._state.db, sleeping.values())
    return {**found, **{pk: Held(str(stored.get(key, key))) for pk, key in sleeping.items()}}


def of_row(row: Task, holds: Iterable[Hold]) -> Waits | None:
    """Return what holds ``row`` back; ``None``: nothing. At most five queries, by indexes."""
    if not row.is_queued:
        return None
    since = row.not_before or row.created
    if hold := looking.of_row(holds, row):
        return Waits(hold.key, max(since, hold.since))
    return _in_line(row, since) if _sleeps(row) else None


def _in_line(row: Task, since: datetime) -> Waits:
    using: Any = row._state.db
    stored = _limits(using, [row.held_by]).get(row.held_by)
    line = parking.parked(Task.objects.using(using), row.held_by)
    (before,) = counting.capped([line.filter(pk__lt=row.pk)], CAP, in_order=True)
    slots = Slot.objects.using(using).filter(limit=row.held_by).values_list("row_id", flat=True)
    running = Task.objects.using(using).running().filter(pk__in=list(slots[:CAP]))
    limit = None if stored is None else limits.known(stored.name)
    return Waits(
        what=row.held_by if stored is None else str(stored),
        since=since,
        room=_room(limit, len(running)),
        before=before,
        first=line.filter(pk__lt=row.pk).first() if before else None,
        running=list(running)[:NAMED],
        next_start=None if stored is None else stored.next_start,
    )


def _room(limit: Any, running: int) -> str:
    if not isinstance(limit, limits.Concurrency):
        return ""
    return _("%(running)s of %(most)s run") % {"running": running, "most": limit.n}


def _sleeps(row: Task) -> bool:
    """Return whether a row waits in the line of a limit, and is not about to be tried."""
    return row.held_by.startswith(timing.LIMIT) and row.due is None


def _limits(using: Any, keys: Iterable[str]) -> Mapping[str, Limit]:
    wanted = set(keys)
    return Limit.objects.using(using).in_bulk(list(wanted)) if wanted else {}
