"""What Boogie has to reach, as ratios of medians within one run."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bench.reporting.records import Records

#: A figure of one system, from the records; None where it was not measured.
Figure = Callable[[Records], float | None]


@dataclass(frozen=True)
class Target:
    """One line of the table: a figure, and the least or the most that it may be."""

    label: str
    figure: Figure
    bound: float
    at_most: bool = False
    unit: str = "times"

    @property
    def text(self) -> str:
        return f"{'≤' if self.at_most else '≥'} {self.bound:g} {self.unit}"

    def is_reached(self, value: float) -> bool:
        """Return whether the figure, as the table shows it, is within the bound."""
        value = round(value, 2)
        return value <= self.bound if self.at_most else value >= self.bound


def of(system: str, figure: str, path: str, **about: Any) -> Figure:
    """Return the median of one figure."""
    return lambda records: records.median(system, figure, path, **about)


def ratio(ours: Figure, theirs: Figure) -> Figure:
    """Return one figure divided by another."""

    def divided(records: Records) -> float | None:
        above, below = ours(records), theirs(records)
        return above / below if above is not None and below else None

    return divided


def cycle(system: str, path: str, grown: bool = False) -> Figure:
    return of(system, "cycle", path, grown=grown)


def against(path: str, ours: str, theirs: str) -> Figure:
    """Return a figure of the cycle as a ratio of two systems."""
    return ratio(cycle(ours, path), cycle(theirs, path))


def latency(ours: str, theirs: str) -> Figure:
    """Return the median latency at idle as a ratio of two systems."""
    return ratio(of(ours, "latency", "alone.p50"), of(theirs, "latency", "alone.p50"))


def growth(system: str, path: str) -> Figure:
    """Return a figure over a long history as a ratio to that over an empty table."""
    return ratio(cycle(system, path, grown=True), cycle(system, path))


def wal(system: str, grown: bool = False) -> Figure:
    """Return the bytes of WAL for a task, from its enqueueing to its outcome."""

    def added(records: Records) -> float | None:
        parts = [cycle(system, f"{step}.wal", grown)(records) for step in ("single", "drain")]
        return None if None in parts else sum(part for part in parts if part is not None)

    return added


def worse(first: Figure, second: Figure, pick: Callable[..., float]) -> Figure:
    """Return the worse of two figures; ``pick`` is ``min`` or ``max``."""

    def picked(records: Records) -> float | None:
        values = [value for one in (first, second) if (value := one(records)) is not None]
        return pick(values) if values else None

    return picked


def both(figure: Callable[[str], Figure], pick: Callable[..., float]) -> Figure:
    """Return the worse of Boogie's figures on Redis and on ``boogie://``."""
    return worse(figure("boogie_redis"), figure("boogie_alone"), pick)


DRAIN, CPU, ENQUEUE, BULK = "drain.rate", "drain.cpu_ms", "single.rate", "bulk.rate"
REDIS, ALONE = "boogie_redis", "boogie_alone"

TARGETS = [
    Target("drain, Redis / Celery stock", against(DRAIN, REDIS, "celery_stock"), 3.6),
    Target("drain, Redis / Celery tuned", against(DRAIN, REDIS, "celery_tuned"), 1.5),
    Target("drain, boogie:// / django-tasks-db", against(DRAIN, ALONE, "tasks_db"), 1.5),
    Target("drain, boogie:// / django-ox", against(DRAIN, ALONE, "ox"), 1.5),
    Target("drain, Redis / django-ox", against(DRAIN, REDIS, "ox"), 1.2),
    Target(
        "drain, Django Tasks: ours / django-tasks-db",
        against(DRAIN, "boogie_functions", "tasks_db"),
        1.5,
    ),
    Target("drain, boogie:// / Procrastinate", against(DRAIN, ALONE, "procrastinate"), 2),
    Target("CPU per task, Redis / Celery tuned", against(CPU, REDIS, "celery_tuned"), 0.67, True),
    Target("CPU per task, boogie:// / tasks-db", against(CPU, ALONE, "tasks_db"), 0.75, True),
    Target("enqueue, boogie:// / tasks-db", against(ENQUEUE, ALONE, "tasks_db"), 1.2),
    Target("statements to enqueue", cycle(ALONE, "single.statements"), 1, True, "statements"),
    Target("enqueue, Redis / bare Celery send", against(ENQUEUE, REDIS, "celery_bare"), 0.6),
    Target("bulk, boogie:// / Procrastinate", against(BULK, ALONE, "procrastinate"), 2),
    Target("bulk, Redis / Procrastinate", against(BULK, REDIS, "procrastinate"), 2),
    Target("p50 idle, Redis / Celery tuned", latency(REDIS, "celery_tuned"), 1.0, True),
    Target("p50 idle, boogie:// / Procrastinate", latency(ALONE, "procrastinate"), 0.8, True),
    Target(
        "p50 beside 40 tasks a second / idle",
        both(lambda s: ratio(of(s, "latency", "loaded.p50"), of(s, "latency", "alone.p50")), max),
        2,
        True,
    ),
    Target("p50 idle, SQLite", of("boogie_sqlite", "latency", "alone.p50"), 60, True, "ms"),
    Target("long history: drain", both(lambda s: growth(s, DRAIN), min), 0.95),
    Target("long history: enqueue", both(lambda s: growth(s, ENQUEUE), min), 0.95),
    Target(
        "long history: WAL per task", both(lambda s: ratio(wal(s, True), wal(s)), max), 1.5, True
    ),
    Target(
        "memory of a worker (PSS) / bare Celery",
        both(lambda s: against("drain.pss_mib", s, "celery_bare"), max),
        1.05,
        True,
    ),
    Target(
        "memory after many tasks / after 1,000",
        both(lambda s: ratio(of(s, "memory", "rss_many"), of(s, "memory", "rss_few")), max),
        1.10,
        True,
    ),
    Target(
        "statements of an idle worker",
        both(lambda s: of(s, "latency", "idle.statements"), max),
        2,
        True,
        "a second",
    ),
    Target(
        "an idle worker's share of a core",
        both(lambda s: of(s, "latency", "idle.core"), max),
        0.01,
        True,
        "cores",
    ),
]
