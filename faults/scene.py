"""
What every fault works with: workers, rows, the journal, and what became of them.
"""

import json
import os
import random
import signal
import time
from collections.abc import Callable, Iterable
from typing import Any, TypeVar, cast

from django.conf import settings
from django.db import InterfaceError, InternalError, OperationalError, connections

from boogie.apps.tasks import Task, current_app
from boogie.apps.tasks.conf import conf
from boogie.apps.tasks.models import Worker as WorkerRow
from faults import journal
from faults.evidence import counting, figures
from faults.evidence.counting import ENDED
from faults.journal import Event
from faults.lab import tasks
from faults.lab.models import Thing
from faults.legs import Leg
from faults.victims import Worker
from tests.support.waiting import wait_until

T = TypeVar("T")

#: What the harness's own statements raise while a fault goes on.
DatabaseAway = (OperationalError, InterfaceError, InternalError)

#: What workers of other pools than Celery's usual one are set to: bodies share connections.
OF_POOL = {"threads": {"WORKER_CONNECTIONS": 2}, "gevent": {"WORKER_CONNECTIONS": 2}}

#: Seconds after which a row that has not ended counts as lost.
LOST_AFTER = 180.0


class Scene:
    """One fault on one leg."""

    def __init__(self, leg: Leg, fault: str, runs: int, seed: int, short: bool) -> None:
        self.leg = leg
        self.runs = runs
        self.short = short
        self.random = random.Random(f"{seed} {leg.name} {fault}")
        self.outcome = figures.Outcome(leg.name, fault)
        self.queue = f"{leg.token}_{fault}"
        self.side_queue = f"{self.queue}_side"
        self.path = leg.directory / f"{fault}.journal"
        self.workers: list[Worker] = []
        #: What workers are if nothing else is said.
        self.pool = "prefork"
        #: Rows whose enqueueing has returned: they must be there in the end.
        self.made: set[str] = set()
        #: Rows whose bodies were frozen with their worker: they may overlap with their rescue.
        self.excused: set[str] = set()
        os.environ[journal.VARIABLE] = str(self.path)
        current_app.celery_app().conf.task_default_queue = self.queue

    @property
    def rounds(self) -> int:
        """How often a fault is made whose recovery takes a lease."""
        return max(1, self.runs // 5)

    # --- workers ----------------------------------------------------------------------

    def start_worker(
        self,
        concurrency: int = 1,
        queue: str = "",
        tasks: dict[str, Any] | None = None,
        pool: str = "",
        **variables: str,
    ) -> Worker:
        """Start a worker on the scene's queue, or another; don't wait for it."""
        number = len(self.workers)
        pool = pool or self.pool
        tasks = {**settings.BOOGIE_TASKS, **OF_POOL.get(pool, {}), **(tasks or {})}
        env = {
            **os.environ,
            "FAULTS_QUEUE": queue or self.queue,
            "FAULTS_TASKS": json.dumps(tasks),
            "FAULTS_ALONE": "1",
            **variables,
        }
        options = ("-c", str(concurrency), "-n", f"{self.queue}_{number}@%h")
        log = self.leg.directory / f"{self.outcome.fault}-{number}.log"
        one = Worker(log, env, *options, app="boogie.apps.tasks", pool=pool)
        self.workers.append(one)
        return one

    def worker(self, *args: Any, **options: Any) -> Worker:
        """Start a worker and wait until it consumes."""
        return self.start_worker(*args, **options).until_ready()

    def judge(self) -> Worker:
        """Start a worker that runs nothing: it has been heard of when others are to be given up."""
        return self.start_worker(queue=self.side_queue)

    def keeps(self, worker: Worker) -> None:
        """See that the keeper of a worker is at work: its heart beats."""
        alive = WorkerRow.objects.alive(conf.WORKER_TIMEOUT).filter(pid=worker.pid)
        try:
            self.wait(alive.exists, "the heart beats", conf.WORKER_TIMEOUT)
        except TimeoutError:
            self.outcome.problems.append("a keeper hangs")

    # --- rows -------------------------------------------------------------------------

    def thing(self) -> Thing:
        return Thing.objects.create(label=self.outcome.fault)

    def enqueue(self, number: int, *args: float, body: Any = tasks.work) -> list[Task]:
        return [self.note_made(body.delayed(self.thing(), *args)) for _ in range(number)]

    def enqueue_for(self, queue: str, number: int, *args: float, body: Any = tasks.work) -> Any:
        """Enqueue for the worker of a queue: one that looks first may fetch more than it runs."""
        settings = current_app.celery_app().conf
        settings.task_default_queue = queue
        try:
            return self.enqueue(number, *args, body=body)
        finally:
            settings.task_default_queue = self.queue

    def own_queue(self, number: int) -> str:
        """Return the queue of the worker ``number`` alone, where each is to have its own."""
        return f"{self.queue}_{number}"

    def note_made(self, row: Task) -> Task:
        """Remember a row that must be there in the end."""
        self.made.add(str(row.pk))
        return row

    def mixed(self, number: int, first: float, later: float = 0.05) -> list[Task]:
        """
        Enqueue plain and atomic bodies in turn.

        On SQLite an atomic body keeps everybody else from writing: none is long there.
        """
        most = 1.0 if self.leg.database == "sqlite" else max(first, later)
        rows: list[Task] = []
        for i in range(number):
            if i % 2:
                rows += self.enqueue(1, min(first, most), min(later, most), body=tasks.exact)
            else:
                rows += self.enqueue(1, first, later)
        return rows

    def begin(self, rows: list[Task]) -> list[Event]:
        """Wait until every row's body has begun; return the starts."""
        keys = {str(row.pk) for row in rows}

        def begun() -> list[Event] | None:
            latest = {e.row: e for e in self.events("start") if e.row in keys}
            return list(latest.values()) if latest.keys() == keys else None

        return self.wait(begun, "the bodies begin")

    def still_going(self, starts: list[Event]) -> list[Event]:
        """Return the starts whose bodies have not ended."""
        ended = {(e.row, e.attempt) for e in self.events("end")}
        return [e for e in starts if (e.row, e.attempt) not in ended]

    # --- waiting ----------------------------------------------------------------------

    def wait(self, condition: Callable[[], T], what: str, timeout: float = 90.0) -> T:
        """Return the first true value; the database may be away meanwhile."""
        end = time.monotonic() + timeout
        found = wait_until(lambda: patiently(condition, end), timeout, pause=0.02, what=what)
        return cast(T, found)

    def end(self, timeout: float = LOST_AFTER) -> None:
        """Wait until every row has ended; those that don't are counted as lost."""
        try:
            self.wait(lambda: not Task.objects.exclude(status__in=ENDED).exists(), "ends", timeout)
        except TimeoutError:
            left = Task.objects.exclude(status__in=ENDED).values_list("pk", "status", "attempt")
            self.outcome.problems += [f"not ended: {row}" for row in left[:5]]

    def freeze(self, worker: Worker) -> set[str]:
        """Stop a whole worker; return the rows whose bodies it runs."""
        worker.freeze()
        tree, now = worker.tree, time.monotonic_ns()
        going = [run for run in figures.runs(self.events()) if run.end > now and run.pid in tree]
        rows = {run.row for run in going}
        self.excused |= rows
        return rows

    # --- the journal ------------------------------------------------------------------

    def events(self, *kinds: str) -> list[Event]:
        return [e for e in journal.read(self.path) if not kinds or e.kind in kinds]

    def starts_after(self, ns: int, row: str) -> list[Event]:
        return [e for e in self.events("start") if e.row == row and e.ns > ns]

    def recovers(self, rows: Iterable[str], since: int, timeout: float = LOST_AFTER) -> None:
        """Wait until each row's body has begun again after a fault; note how long it took."""
        end = time.monotonic() + timeout
        for row in rows:
            left = max(0.0, end - time.monotonic())
            try:
                self.wait(
                    lambda row=row: self.starts_after(since, row) or self._has_finished(row),
                    f"{row} runs again",
                    left,
                )
            except TimeoutError:
                self.outcome.problems.append(f"{row} did not run again")
            again = self.starts_after(since, row)
            if again:
                self.outcome.recoveries.append((again[0].ns - since) / 1e9)

    def _has_finished(self, row: str) -> bool:
        """Return whether a row finished after its body did: no fault came in between."""
        ended = any(event.row == row for event in self.events("end"))
        return ended and Task.objects.filter(pk=row, status="finished").exists()

    # --- the outcome ------------------------------------------------------------------

    def reconnect(self) -> None:
        """Forget connections to servers that are others by now."""
        connections.close_all()

    def injected(self, number: int = 1) -> None:
        self.outcome.runs += number

    def expect(self, holds: Any, what: str) -> None:
        if not holds:
            self.outcome.problems.append(what)

    def stop_workers(self) -> None:
        """End all workers warmly; after any fault one that has nothing to do must do that soon."""
        asked = [one for one in self.workers if one.lives and not one.is_frozen]
        for one in asked:
            one.signal(signal.SIGTERM)
        for one in asked:
            self.expect(one.ends(), "a worker hangs at its shutdown")
        self.kill_workers()

    def kill_workers(self) -> None:
        for one in self.workers:
            one.kill()

    def forget(self) -> None:
        """Remove the journal, and what the workers said."""
        for path in self.leg.directory.glob(f"{self.outcome.fault}[-.]*"):
            path.unlink()

    def close(self) -> None:
        """Count, and leave nothing for the next fault; no worker lives any more."""
        connections.close_all()
        counting.count(self.outcome, self.events(), self.made, self.excused)
        counting.clear()
        from boogie.apps.tasks.broker.connection import broker_pool

        broker_pool.connections(current_app.celery_app()).force_close_all()
        broker_pool.forget()
        if self.leg.broker == "rabbitmq":
            own = [self.own_queue(number) for number in range(len(self.workers))]
            for method in ("queue_delete", "exchange_delete"):
                self.leg.on_rabbitmq(method, [self.queue, self.side_queue, *own])


def patiently(action: Callable[[], T], end: float) -> T | None:
    """Call ``action``; nothing comes of it while the database is away."""
    try:
        return action()
    except DatabaseAway:
        connections.close_all()
        if time.monotonic() > end:
            raise
        return None
