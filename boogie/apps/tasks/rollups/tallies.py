"""
Adding up: what rows that have ended come to, and what rollups come to together.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from django.db.models import Case, Count, Max, Min, Q, Sum, Value, When
from django.db.models.functions import Coalesce, Greatest

from boogie.apps.tasks.db.clock import Microseconds, Minute
from boogie.apps.tasks.db.moments import in_utc
from boogie.apps.tasks.exceptions import WorkerLost
from boogie.apps.tasks.lifecycle import states
from boogie.apps.tasks.models import TaskQuerySet
from boogie.apps.tasks.models.rollup import FIGURES, KEY

from . import histograms


class Tally:
    """Figures that others can be added to."""

    __slots__ = FIGURES

    def __init__(self) -> None:
        self.count = self.waited = self.ran = self.retries = self.losses = 0
        self.waits: histograms.Histogram = {}
        self.runs: histograms.Histogram = {}
        self.first: datetime | None = None
        self.last: datetime | None = None

    def add(self, figures: tuple[Any, ...]) -> None:
        """Add the figures of a rollup, in the order of ``FIGURES``."""
        count, waited, ran, waits, runs, first, last, retries, losses = figures
        self.count += count
        self.waited += waited
        self.ran += ran
        self.retries += retries
        self.losses += losses
        histograms.add(self.waits, waits)
        histograms.add(self.runs, runs)
        first, last = in_utc(first), in_utc(last)
        self.first = first if self.first is None else min(self.first, first)
        self.last = last if self.last is None else max(self.last, last)

    @property
    def figures(self) -> tuple[Any, ...]:
        """What a rollup has of it, in the order of ``FIGURES``."""
        packed = (histograms.pack(self.waits), histograms.pack(self.runs))
        sums = (self.count, self.waited, self.ran)
        return (*sums, *packed, self.first, self.last, self.retries, self.losses)

    def beyond(self, before: tuple[Any, ...] | None) -> "Tally":
        """Return by how much it is more than figures of ``before``; nothing of it is negative."""
        gained, old = Tally(), Tally()
        if before is not None:
            old.add(before)
        for name in ("count", "waited", "ran", "retries", "losses"):
            setattr(gained, name, max(0, getattr(self, name) - getattr(old, name)))
        gained.waits = histograms.beyond(self.waits, old.waits)
        gained.runs = histograms.beyond(self.runs, old.runs)
        gained.first, gained.last = self.first, self.last
        return gained


Tallies = dict[Any, Tally]


def add_up(values: Iterable[tuple[Any, ...]], key: Callable[..., Any]) -> Tallies:
    """
    Add up rollups by what ``key`` returns for their own.

    ``values``: for each rollup what ``KEY`` names, and then what ``FIGURES`` does.
    """
    tallies: Tallies = {}
    for each in values:
        tallies.setdefault(key(*each[: len(KEY)]), Tally()).add(each[len(KEY) :])
    return tallies


# --- rows -----------------------------------------------------------------------------

#: A claim forgets when an earlier attempt began to wait.
FIRST_ATTEMPT = Q(attempt=1, started__isnull=False)
WAITED = Greatest(
    Microseconds(Coalesce(Greatest("created", "scheduled_for"), "created"), "started"), Value(0)
)
RAN = Greatest(Microseconds("started", "ended"), Value(0))
HAS_RUN = Q(started__isnull=False)

#: The type of error of a row whose last attempt was lost.
LOST = f"{WorkerLost.__module__}.{WorkerLost.__qualname__}"

#: What rows have in common that are counted together, and what is read of each such set.
GROUP = {
    "minute": Minute("ended"),
    "wait": Case(When(FIRST_ATTEMPT, then=histograms.bucket(WAITED)), default=None),
    "run": Case(When(HAS_RUN, then=histograms.bucket(RAN)), default=None),
}
READ = {
    "rows": Count("pk"),
    "waited": Coalesce(Sum(Case(When(FIRST_ATTEMPT, then=WAITED), default=None)), 0),
    "ran": Coalesce(Sum(Case(When(HAS_RUN, then=RAN), default=None)), 0),
    "first": Min("ended"),
    "last": Max("ended"),
    "retries": Sum("retries"),
    "losses": Sum("losses"),
}


def ended(rows: TaskQuerySet, since: Any, until: datetime) -> Tallies:
    """Count the rows that ended from ``since`` on and before ``until``, by minute."""
    found = ended_since(rows, since).filter(ended__lt=until)
    sets = (
        found.order_by()
        .annotate(**GROUP)
        .values_list(*GROUP, "name", "queue", "status", "error_type")
        .annotate(**READ)
    )
    tallies: Tallies = {}
    for minute, wait, run, name, queue, outcome, error, *figures in sets:
        rows_, waited, ran, first, last, retries, losses = figures
        if (outcome, error) == (states.FAILED, LOST):
            losses += rows_  # the one that a row ended with is in its errors, and not in its losses
        key = (_moment(minute), name, queue, outcome, error if outcome == states.FAILED else "")
        packed = [[] if place is None else [int(place), rows_] for place in (wait, run)]
        tally = tallies.setdefault(key, Tally())
        tally.add((rows_, waited, ran, *packed, first, last, retries, losses))
    return tallies


def ended_since(rows: TaskQuerySet, since: Any) -> TaskQuerySet:
    """Return the rows that ended at ``since`` or later, by the index on that."""
    return rows.ended().filter(ended__isnull=False, ended__gte=since)


def first_end(rows: TaskQuerySet, since: Any) -> datetime | None:
    """Return when the first row ended that did at ``since`` or later, by the same index."""
    firsts = [
        rows.filter(status=status, ended__isnull=False, ended__gte=since)
        .order_by("ended")
        .values_list("ended", flat=True)
        .first()
        for status in sorted(states.ENDED)
    ]
    return min((in_utc(first) for first in firsts if first is not None), default=None)


def _moment(minute: int) -> datetime:
    return datetime.fromtimestamp(int(minute) * 60, UTC)
