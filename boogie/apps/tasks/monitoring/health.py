"""
How the whole is: workers, rows, what is stuck, the broker. Reads, and changes nothing.
"""

from dataclasses import asdict, dataclass, field
from typing import Any

from django.db.models import Count, F

from boogie.apps.tasks import registry
from boogie.apps.tasks.broker import inspect
from boogie.apps.tasks.conf import conf
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.lifecycle import states
from boogie.apps.tasks.models import Task, TaskQuerySet, Worker

#: Stuck rows are counted up to here.
CAP = 10_000


@dataclass
class Health:
    """A look at the tables; times in seconds of database time."""

    #: Of each its id, host, pid, queues, concurrency, ``age`` (since it was seen), ``uptime``.
    workers: list[dict[str, Any]] = field(default_factory=list)
    #: How many of them are alive.
    alive: int = 0
    #: Rows by status; of ended ones only if asked for.
    rows: dict[str, int] = field(default_factory=dict)
    #: For how long the oldest queued row might have been running.
    oldest_due: float | None = None
    #: Rows that might have started ``STUCK_AFTER`` ago, and have not.
    stuck: int = 0
    #: Running rows whose worker is dead.
    orphans: int = 0
    #: Running rows whose bar has not moved for ``STALLED_AFTER``; counted with the history.
    stalled: int = 0
    #: Names of live rows that nobody registered in this process.
    unknown: list[str] = field(default_factory=list)
    #: Whether the broker answers; on ``boogie://`` it is the database, which did.
    broker: bool = True

    @property
    def problems(self) -> list[str]:
        """What is wrong, in words; empty if nothing is."""
        found = []
        if not self.alive and self.oldest_due is not None:
            found.append("rows are due and no worker is alive")
        if self.alive and self.stuck:
            found.append(f"{self.stuck} row(s) are stuck: due and not started though workers live")
        if self.orphans:
            found.append(f"{self.orphans} running row(s) belong to dead workers")
        if self.unknown:
            found.append(f"no task is registered for rows named {', '.join(self.unknown)}")
        if not self.broker:
            found.append("the broker does not answer")
        return found

    def as_dict(self) -> dict[str, Any]:
        """Return everything as JSON-compatible data."""
        return {**asdict(self), "problems": self.problems, "healthy": not self.problems}


def examine(history: bool = False) -> Health:
    """
    Look at everything. ``history``: count ended rows too, which reads an index of all of
    them, and bars that stand still.

    Raise what the database raises if it is away.
    """
    rows = Task.objects.on_primary()  # on a replica that is late all workers are dead
    health = Health(workers=workers(), rows=_counts(rows, history))
    health.alive = sum(worker["age"] < conf.WORKER_TIMEOUT for worker in health.workers)
    health.oldest_due = _oldest(rows)
    health.stuck = rows.waiting_for(conf.STUCK_AFTER)[:CAP].count()
    living = [w["id"] for w in health.workers if w["age"] < conf.WORKER_TIMEOUT]
    orphans = rows.orphaned(living, conf.WORKER_TIMEOUT, conf.CALL_LIMIT)
    health.orphans = orphans[:CAP].count()
    if history:
        health.stalled = rows.stalled(conf.STALLED_AFTER)[:CAP].count()
    live = rows.filter(status__in=[states.PAUSED, states.QUEUED])
    names = live.order_by().values_list("name", flat=True).distinct()
    health.unknown = sorted(name for name in names if registry.get(name) is None)
    health.broker = inspect.answers()
    return health


def workers() -> list[dict[str, Any]]:
    """Return what is known of each worker, those that were heard of last first."""
    # Not subtracted here: without USE_TZ both would be in local time, whose clocks are changed.
    ages = {"age": Moment() - F("seen"), "uptime": Moment() - F("started")}
    known = Worker.objects.on_primary().annotate(**ages)
    found = []
    each: Any
    for each in known.order_by("-seen").values():
        about = {key: each[key] for key in ("id", "host", "pid", "queues", "concurrency")}
        found.append({**about, **{name: each[name].total_seconds() for name in ages}})
    return found


def _counts(rows: TaskQuerySet, history: bool) -> dict[str, int]:
    statuses = [str(s) for s, _ in states.STATUS if history or s not in states.ENDED]
    counted = rows.filter(status__in=statuses).order_by().values("status").annotate(n=Count("pk"))
    found = {each["status"]: each["n"] for each in counted}
    return {status: found.get(status, 0) for status in statuses}


def _oldest(rows: TaskQuerySet) -> float | None:
    waiting: Any = rows.waiting_for(0.0).annotate(age=Moment() - F("since"))
    oldest = waiting.order_by("since").values_list("age", flat=True).first()
    return None if oldest is None else float(oldest.total_seconds())
