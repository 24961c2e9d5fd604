"""
``run_tasks()``: what is queued runs here and now, by a worker's own code.

Each row is claimed, its body called under Celery's tracer, and settled, as the child of a worker
does it. What a worker has besides is not here: time limits, a keeper, other processes.
"""

import os
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import Context
from functools import reduce
from operator import or_
from typing import Any

from asgiref.sync import sync_to_async
from celery import signals
from celery.app.trace import build_tracer
from django.db import connections
from django.db.models import Q

from boogie.apps.tasks import identity, loops, registry
from boogie.apps.tasks.batching import watch as batches
from boogie.apps.tasks.chains import watch as chains
from boogie.apps.tasks.db import ids
from boogie.apps.tasks.enqueue import showing
from boogie.apps.tasks.execution import expiry, losses
from boogie.apps.tasks.execution.run import RETRIED, TAKEN, Run
from boogie.apps.tasks.holds import looking
from boogie.apps.tasks.lifecycle import parking, states, timing, transitions
from boogie.apps.tasks.limiting import claim as limited
from boogie.apps.tasks.models import Task, TaskQuerySet
from boogie.apps.tasks.transport.delivery import IN_JSON, doorbell_message

from . import subjects
from .committed import as_if_committed, is_pretended

#: Rows that are looked up at once.
LOOK = 200
#: What is read of them: what a doorbell says of a row, and shows.
READ = (
    *("name", "backend", "queue", "priority", "not_before"),
    *("content_type", "object_id", "args", "kwargs"),
)


def run_tasks(
    *tasks: Any, limit: int = 1000, scheduled: bool = False, raise_errors: bool = False
) -> dict[str, int]:
    """
    Run what is queued and due, in a worker's order, until nothing is left; return how it ended.

    ``tasks``: of these alone. ``scheduled``: also what waits for its time; retries never wait.
    The counts are of runs, by the status that each reached: ``finished``, ``failed``,
    ``cancelled``, and ``retried`` for those that sent their row back. Raise ``AssertionError``
    where more than ``limit`` runs would be needed; with ``raise_errors`` the first error that
    a row fails with.
    """
    loops.refuse("run_tasks", "arun_tasks")
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 0:
        raise TypeError(
            f"run_tasks(): limit is how many runs there may be, a whole number from 0 on, not "
            f"{limit!r:.80}. Leave it out for 1000, or give a number that is never reached."
        )
    working = _Work(tasks, limit, scheduled)
    with as_if_committed(), working.noting(), _in_a_hurry():
        for run in working.runs():
            if raise_errors and run.outcome == states.FAILED and run.exception is not None:
                raise run.exception
    return working.counts


async def arun_tasks(
    *tasks: Any, limit: int = 1000, scheduled: bool = False, raise_errors: bool = False
) -> dict[str, int]:
    """Do the same in an async test: in the thread that has its connections."""
    options: dict[str, Any] = {"scheduled": scheduled, "raise_errors": raise_errors}
    return await sync_to_async(run_tasks)(*tasks, limit=limit, **options)


@contextmanager
def _in_a_hurry() -> Iterator[None]:
    before = limited.hurry(True)
    try:
        yield
    finally:
        limited.hurry(before)


class _Work:
    """One call of ``run_tasks()``."""

    def __init__(self, tasks: tuple[Any, ...], limit: int, scheduled: bool) -> None:
        self.which = _rows_of(tasks)
        self.limit = limit
        self.scheduled = scheduled
        self.counts = {states.FINISHED: 0, states.FAILED: 0, states.CANCELLED: 0, RETRIED: 0}
        self._begun: Counter[str] = Counter()
        self._tracers: dict[str, Callable[..., Any]] = {}
        #: Runs by the id of their row, as Celery's signals show them.
        self._noted: dict[str, Run] = {}
        #: Rows that somebody else has taken, or moved, when their turn came.
        self._passed: list[Any] = []
        #: Rows that are held back by a limit until another one has run.
        self._held: list[Any] = []

    def runs(self) -> Iterator[Run]:
        """Run one row after the other; yield what became of each."""
        self.counts[states.CANCELLED] += expiry.expire(Task.objects.on_primary().filter(self.which))
        if chains.unsettled().exists():  # what the test did has told nobody, in a transaction
            chains.Watch().look()
        if batches.known().running().exists():
            batches.Watch().look()
        heads: deque[Task] = deque()
        seen = None
        while True:
            # A row that was made meanwhile may come first. (None is made without an id.)
            if not heads or ids.last() != seen:
                seen, heads = ids.last(), deque(self._waiting()[:LOOK])
            if not heads:
                return
            run = self._run(heads.popleft())
            if run is not None:
                if self._held or run.row.is_needed:
                    self._held, heads = [], deque()
                if self._count(run) == states.QUEUED:
                    heads.clear()
                yield run

    def _waiting(self) -> TaskQuerySet:
        rows = Task.objects.on_primary().queued().filter(self.which)
        rows = rows.exclude(timing.waits_for_others())
        if not self.scheduled:
            rows = rows.filter(timing.is_ripe() | Q(retries__gt=0) | Q(losses__gt=0))
        rows = looking.left_alone(rows, looking.active())
        if aside := self._passed + self._held:
            rows = rows.exclude(pk__in=aside)
        return rows.order_by("-priority", "due", "pk").only(*READ)

    # --- one row ----------------------------------------------------------------------

    def _run(self, row: Task) -> Run | None:
        """Run a row; ``None``: it was not to be had."""
        if self._begun.total() >= self.limit:
            raise AssertionError(self._too_many())
        if row.not_before is not None:
            transitions.run_now(self._itself(row))
        self._noted.clear()
        try:
            # Of its own: no language, user or request of the test is around a worker's run.
            Context().run(self._tracer(row), str(row.pk), [], {}, _request(row))
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            self._take_note_of_the_end(str(row.pk), error)
        run = self._noted.get(str(row.pk))
        if run is not None:
            self._begun[row.name] += 1
            return run
        if parking.parked(self._itself(row)):
            self._held.append(row.pk)
            return None
        if timing.ripe(self._itself(row).queued()).exists():
            raise RuntimeError(f"{row} cannot be claimed; Celery has logged why.")
        self._passed.append(row.pk)
        return None

    def _itself(self, row: Task) -> TaskQuerySet:
        return Task.objects.on_primary().filter(pk=row.pk)

    def _tracer(self, row: Task) -> Callable[..., Any]:
        task: Any = registry.of_row(row)
        if task.name not in self._tracers:
            task.ensure_bound()
            host = identity.worker_id()
            self._tracers[task.name] = build_tracer(task.name, task, hostname=host, app=task.app)
        return self._tracers[task.name]

    def _take_note_of_the_end(self, key: str, error: BaseException) -> None:
        """Celery lets through what is no ``Exception``: it may have ended the process of a body."""
        run = self._noted.get(key)
        if run is None:
            raise error
        if run.outcome is None:
            losses.lose(run.row, f"the process {os.getpid()} would have ended ({error!r})")
            left = run.itself.values_list("status", flat=True).first()
            run.outcome, run.exception = left, error

    def _count(self, run: Run) -> str | None:
        """Count how a run has ended; return it."""
        outcome = run.outcome
        if outcome is None:
            raise RuntimeError(f"{run.row} cannot be settled; Celery has logged why.")
        if outcome == TAKEN:
            outcome = run.itself.values_list("status", flat=True).first()
        if run.outcome == states.QUEUED:
            self.counts[RETRIED] += 1
        elif outcome in self.counts:
            self.counts[outcome] += 1
        return outcome

    def _too_many(self) -> str:
        most = ", ".join(f"{name} {number} times" for name, number in self._begun.most_common(3))
        return (
            f"run_tasks() has run {self.limit} rows, and more are queued: {most or 'none of them'}."
            f" Does a task make rows, or retries, without end? If so many are meant, give limit="
            f" a higher number."
        )

    # --- what Celery tells ------------------------------------------------------------

    @contextmanager
    def noting(self) -> Iterator[None]:
        """Take note of runs. (After our own receivers: those are connected when Django starts.)"""

        def claimed(sender: Any, task_id: str, **extra: Any) -> None:
            run = sender._current_run if registry.is_ours(sender) else None
            if run is not None:
                self._noted[task_id] = run
                if is_pretended(connections[run.db]):
                    run.reporter.stay_inside()

        uid = f"boogie_tasks.run_tasks.{id(self)}"
        signals.task_prerun.connect(claimed, weak=False, dispatch_uid=uid)
        try:
            yield
        finally:
            signals.task_prerun.disconnect(claimed, dispatch_uid=uid)


def _request(row: Task) -> dict[str, Any]:
    """Return what Celery's tracer gets of a doorbell."""
    message = doorbell_message(row, "", IN_JSON, showing.of_row(row))
    place = {**message["properties"]["delivery_info"], "priority": row.priority}
    headers = message["headers"]
    return {**headers, "is_eager": False, "hostname": identity.worker_id(), "delivery_info": place}


def _rows_of(tasks: tuple[Any, ...]) -> Q:
    """Return the condition of rows of ``tasks``, or of all that are declared; others are left."""
    if tasks:
        conditions = [subjects.of("run_tasks() takes tasks", task).condition for task in tasks]
        return reduce(or_, conditions)
    names = [name for task in registry.declared() for name in task.names]
    # Functions of Django Tasks are found by their names when they run.
    return Q(name__in=names) | Q(backend__gt="")
