"""
Figures of what has ended, from rollups: for a range, and in short for each kind of failure.

Rows are never counted here: what is read depends on how many tasks there are, and not on how
often they ran.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Max, Min, Q, Sum

from boogie.apps.tasks import registry
from boogie.apps.tasks.db import clock
from boogie.apps.tasks.db.moments import in_utc
from boogie.apps.tasks.lifecycle import states
from boogie.apps.tasks.models import Release, Rollup, RollupQuerySet
from boogie.apps.tasks.models.rollup import FIGURES, HOUR, KEY, MINUTE

from . import histograms
from .ranges import Range
from .tallies import Tally, add_up

#: Shares of runs that are asked for.
P50, P95, P99 = SHARES = (0.50, 0.95, 0.99)

#: Versions that are looked at.
RELEASES = 50


@dataclass(frozen=True)
class Times:
    """Percentiles in seconds; ``None``: nothing was measured."""

    p50: float | None
    p95: float | None
    p99: float | None

    @classmethod
    def of(cls, counts: histograms.Histogram) -> "Times":
        """Read them off a histogram."""
        return cls(*(histograms.percentile(counts, share) for share in SHARES))


@dataclass(frozen=True)
class Point:
    """What ended from ``start`` on, until the next point."""

    start: datetime
    finished: int = 0
    failed: int = 0
    cancelled: int = 0


@dataclass
class TaskFigures:
    """One task in a range; or, without a name, all of them."""

    name: str
    finished: int = 0
    failed: int = 0
    cancelled: int = 0
    #: Seconds that its runs took together.
    busy: float = 0.0
    _waits: histograms.Histogram = field(default_factory=dict)
    _runs: histograms.Histogram = field(default_factory=dict)

    def add(self, outcome: str, tally: Tally) -> None:
        """Add what had one outcome; times are of runs that came to an end by themselves."""
        setattr(self, outcome, getattr(self, outcome) + tally.count)
        self.busy += tally.ran / 1e6
        if outcome != states.CANCELLED:
            histograms.merge(self._waits, tally.waits.items())
            histograms.merge(self._runs, tally.runs.items())

    @property
    def ended(self) -> int:
        """How many rows ended, whatever the outcome."""
        return self.finished + self.failed + self.cancelled

    @property
    def failure_rate(self) -> float:
        """The share of failures in what finished or failed."""
        return self.failed / (self.finished + self.failed or 1)

    @property
    def wait(self) -> Times:
        """How long rows waited for a worker, from when they might have started."""
        return Times.of(self._waits)

    @property
    def run(self) -> Times:
        """How long the last attempt took."""
        return Times.of(self._runs)


@dataclass(frozen=True)
class Failures:
    """Failures of one task with one type of error in a range."""

    name: str
    error_type: str
    count: int
    first: datetime
    last: datetime


@dataclass(frozen=True)
class Figures:
    """What ended in a range."""

    range: Range
    points: list[Point]
    #: Those that ran longest together first.
    tasks: list[TaskFigures]
    #: The most frequent first.
    failures: list[Failures]
    #: All tasks together.
    total: TaskFigures


def read(range_: Range, task: str = "") -> Figures:
    """Return the figures of a range, of ``task`` alone if it is given (two queries)."""
    found = Rollup.objects.all()
    if task:
        found = found.filter(name__in=registry.names(task))
    of_kinds = add_up(
        _of_pieces(found, range_).values_list(*KEY, *FIGURES),
        lambda start, name, queue, outcome, error: (_current(name), outcome, error),
    )
    tasks: dict[str, TaskFigures] = {}
    total = TaskFigures("")
    for (name, outcome, _error), tally in of_kinds.items():
        for figures in (tasks.setdefault(name, TaskFigures(name)), total):
            figures.add(outcome, tally)
    failures = [
        Failures(name, error, tally.count, in_utc(tally.first), in_utc(tally.last))
        for (name, outcome, error), tally in of_kinds.items()
        if outcome == states.FAILED and tally.first and tally.last
    ]
    return Figures(
        range=range_,
        points=_points(found, range_),
        tasks=sorted(tasks.values(), key=lambda each: (-each.busy, each.name)),
        failures=sorted(failures, key=lambda each: (-each.count, each.name, each.error_type)),
        total=total,
    )


def _current(name: str) -> str:
    """Return the name that a task has now: rollups from before it was renamed are its own."""
    task = registry.get(name)
    return name if task is None else task.name


def _of_pieces(rollups: RollupQuerySet, range_: Range) -> RollupQuerySet:
    wanted = Q()
    for span, since, until in range_.pieces:
        wanted |= Q(span=span, start__gte=since, start__lt=until)
    return rollups.filter(wanted)


def _points(rollups: RollupQuerySet, range_: Range) -> list[Point]:
    starts = range_.points
    counts: list[dict[str, int]] = [{} for _ in starts]
    found = rollups.between(range_.span, range_.since, range_.end).order_by()
    for start, outcome, count in found.values_list("start", "outcome").annotate(n=Sum("count")):
        place = int((in_utc(start) - range_.since).total_seconds() // range_.step)
        # The clock of this host may be behind that of the database.
        of_point = counts[min(place, len(counts) - 1)]
        of_point[outcome] = of_point.get(outcome, 0) + int(count)
    return [Point(start, **of_point) for start, of_point in zip(starts, counts, strict=True)]


# --- failures, and versions -----------------------------------------------------------


@dataclass(frozen=True)
class FailureCounts:
    """How often a task failed with a type of error: in the last hour, day and week."""

    name: str
    error_type: str
    hour: int
    day: int
    week: int
    first: datetime
    last: datetime


def failure_counts() -> list[FailureCounts]:
    """
    Return the failures of the last week by task and type of error, the latest first.

    Rows that were retried or deleted since are counted, too (one query).
    """
    now = clock.here()
    hour, day, week = (now - timedelta(hours=n) for n in (1, 24, 7 * 24))
    of_minutes, of_hours = Q(span=MINUTE, start__gte=hour), Q(span=HOUR, start__gte=week)
    rollups = Rollup.objects.filter(of_minutes | of_hours, outcome=states.FAILED)
    sets = rollups.order_by().values_list("name", "error_type").annotate(
        hour=Sum("count", filter=Q(span=MINUTE), default=0),
        day=Sum("count", filter=Q(span=HOUR, start__gte=day), default=0),
        week=Sum("count", filter=Q(span=HOUR), default=0),
        earliest=Min("first"),
        latest=Max("last"),
    )  # fmt: skip
    found = [FailureCounts(*_plain(each)) for each in sets]
    return sorted(found, key=lambda each: (each.last, each.name, each.error_type), reverse=True)


def _plain(values: tuple[Any, ...]) -> tuple[Any, ...]:
    name, error_type, *counts, first, last = values
    return (name, error_type, *map(int, counts), in_utc(first), in_utc(last))


def releases(range_: Range) -> list[tuple[str, datetime]]:
    """Return the versions that began in a range, and when (one query)."""
    found = Release.objects.filter(seen__gte=range_.since, seen__lt=range_.until).order_by("seen")
    values = found.values_list("version", "seen")[:RELEASES]
    return [(version, in_utc(seen)) for version, seen in values]
