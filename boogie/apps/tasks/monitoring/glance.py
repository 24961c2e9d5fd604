"""
What goes on at this moment: workers, running rows, queues, failures, rates.

Six statements, none of which reads more than so many rows. Times are seconds, by the database's
clock.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db.models import F

from boogie.apps.tasks.conf import conf
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.holds import looking
from boogie.apps.tasks.lifecycle import states
from boogie.apps.tasks.models import Progress, Task, TaskQuerySet, Worker

from . import counting, describe

#: Rows, or workers, that one statement reads at most.
WORKERS, RUNNING, WAITING, FAILURES = 100, 500, 1000, 500
#: Rows that ended in a span are counted up to here.
CAP = 5000
#: Over how many seconds rates are taken.
SPAN = 300


@dataclass(frozen=True)
class RunNow:
    """A running row, and for how long it runs."""

    task: str
    object: str
    worker: str
    progress: Progress | None
    age: float
    is_stalled: bool


@dataclass(frozen=True)
class WorkerNow:
    """A worker: when it was last heard of, and what it runs."""

    id: str
    age: float
    is_alive: bool
    queues: list[str]
    concurrency: int
    runs: list[str]


@dataclass(frozen=True)
class QueueNow:
    """Rows of a queue that might run, and for how long the first has waited."""

    name: str
    waiting: counting.Count
    oldest: float
    is_served: bool
    is_held: bool = False


@dataclass(frozen=True)
class FailuresNow:
    """Open failures of one task with one type of error; the last one so many seconds ago."""

    task: str
    error_type: str
    number: int
    age: float


@dataclass(frozen=True)
class Glance:
    """One look at everything; without anything, what there is before the first."""

    workers: list[WorkerNow] = field(default_factory=list)
    #: Those that run longest first.
    running: list[RunNow] = field(default_factory=list)
    running_count: counting.Count = field(default_factory=lambda: counting.Count(0, RUNNING))
    queues: list[QueueNow] = field(default_factory=list)
    #: Names of tasks that are held.
    held: list[str] = field(default_factory=list)
    #: Among the last :data:`FAILURES` rows that failed; those that fail most first.
    failures: list[FailuresNow] = field(default_factory=list)
    #: Rows that ended within :data:`SPAN` seconds, by status.
    ended: dict[str, counting.Count] = field(default_factory=dict)


def glance() -> Glance:
    """Look; raise what the database raises if it is away."""
    rows = Task.objects.on_primary()
    running = _running(rows)
    workers = _workers(running)
    served = {queue for worker in workers if worker.is_alive for queue in worker.queues}
    holds = looking.active()
    return Glance(
        workers=workers,
        running=running[:RUNNING],
        running_count=counting.Count(len(running), RUNNING),
        queues=_queues(rows, served, {hold.name for hold in holds if hold.is_of_queue}),
        held=[hold.name for hold in holds if not hold.is_of_queue],
        failures=_failures(rows),
        ended=_ended(rows),
    )


def _seconds(span: timedelta | None) -> float:
    """Return how many seconds a span has, none for none; clocks that differ make it no less."""
    return max(0.0, span.total_seconds()) if span is not None else 0.0


def _running(rows: TaskQuerySet) -> list[RunNow]:
    ages: dict[str, Any] = {"age": Moment() - F("started"), "stands": Moment() - F("progressed")}
    shown: Any = rows.running().annotate(**ages).order_by("started")
    names = ("id", "name", "worker", "object_id", "content_type", "progress", "started")
    return [
        RunNow(
            task=row.name,
            object=describe.reference(row),
            worker=row.worker,
            progress=row.progress,
            age=_seconds(row.age),
            is_stalled=_seconds(row.stands) > conf.STALLED_AFTER,
        )
        for row in shown.only(*names)[: RUNNING + 1]
    ]


def _workers(running: Iterable[RunNow]) -> list[WorkerNow]:
    runs: dict[str, list[str]] = {}
    for row in running:
        runs.setdefault(row.worker, []).append(row.task)
    workers: Any = Worker.objects.on_primary().annotate(age=Moment() - F("seen"))
    return [
        WorkerNow(
            id=worker.pk,
            age=_seconds(worker.age),
            is_alive=_seconds(worker.age) < conf.WORKER_TIMEOUT,
            queues=list(worker.queues),
            concurrency=worker.concurrency,
            runs=runs.get(worker.pk, []),
        )
        for worker in workers.order_by("-seen")[:WORKERS]
    ]


def _queues(rows: TaskQuerySet, served: set[str], held: set[str]) -> list[QueueNow]:
    """Return the queues of the rows that have waited longest, and those that workers serve."""
    due: Any = rows.due().annotate(waits=Moment() - F("due")).order_by("due")
    waiting = list(due.values_list("queue", "waits")[: WAITING + 1])
    counts = Counter(queue for queue, _waits in waiting[:WAITING])
    oldest = dict(reversed(waiting))
    is_part = len(waiting) > WAITING
    found = [
        QueueNow(
            name=name,
            waiting=counting.Count(counts[name] + is_part, counts[name] if is_part else WAITING),
            oldest=_seconds(oldest.get(name)),
            is_served=name in served,
            is_held=name in held,
        )
        for name in {*counts, *served, *held}
    ]
    return sorted(found, key=lambda queue: (-queue.oldest, queue.name))


def _failures(rows: TaskQuerySet) -> list[FailuresNow]:
    failed: Any = rows.failed().filter(ended__isnull=False).annotate(age=Moment() - F("ended"))
    names = ("name", "error_type", "acknowledged", "age")
    newest = failed.order_by("-ended", "-pk").values_list(*names)[:FAILURES]
    last: dict[tuple[str, str], timedelta] = {}
    numbers: Counter[tuple[str, str]] = Counter()
    # Sorted out here: a database would read on until it had so many that nobody acknowledged.
    for task, kind, acknowledged, age in newest:
        if acknowledged is None:
            last.setdefault((task, kind), age)
            numbers[task, kind] += 1
    return [
        FailuresNow(task, kind, number, _seconds(last[task, kind]))
        for (task, kind), number in numbers.most_common()
    ]


def _ended(rows: TaskQuerySet) -> dict[str, counting.Count]:
    statuses = sorted(states.ENDED)
    lately = [rows.filter(status=status, ended__gte=Moment(-SPAN)) for status in statuses]
    return dict(zip(statuses, counting.capped(lately, CAP), strict=True))
