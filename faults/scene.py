"""
What every fault works with: workers, rows, the journal, and what became of them.
"""

import json
import os
import random
import time
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from django.conf import settings
from django.db import InterfaceError, OperationalError, connections

from boogie.apps.tasks import Task, doorbell, registry
from boogie.apps.tasks.models import Message
from boogie.apps.tasks.models import Worker as WorkerRow
from faults import figures, journal
from faults.journal import Event
from faults.lab import tasks
from faults.lab.models import Effect, Thing
from faults.legs import Leg
from faults.processes import Worker

T = TypeVar("T")

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
        #: Rows whose bodies were frozen with their worker: they may overlap with their rescue.
        self.excused: set[str] = set()
        os.environ[journal.VARIABLE] = str(self.path)
        registry.celery_app().conf.task_default_queue = self.queue

    @property
    def rounds(self) -> int:
        """How often a fault is made whose recovery takes a lease."""
        return max(1, self.runs // 5)

    # --- workers ----------------------------------------------------------------------

    def start_worker(
        self,
        concurrency: int = 1,
        queue: str = "",
        wrapper: tuple[str, ...] = (),
        tasks: dict[str, Any] | None = None,
        **variables: str,
    ) -> Worker:
        """Start a worker on the scene's queue, or another; don't wait for it."""
        number = len(self.workers)
        env = {
            **os.environ,
            "FAULTS_QUEUE": queue or self.queue,
            "FAULTS_TASKS": json.dumps({**settings.BOOGIE_TASKS, **(tasks or {})}),
            **variables,
        }
        name = f"{self.queue}_{number}@%h"
        options = ("-A", "boogie.apps.tasks", "worker", "-c", str(concurrency), "-n", name)
        log = self.leg.directory / f"{self.outcome.fault}-{number}.log"
        one = Worker(log, env, *options, wrapper=wrapper)
        self.workers.append(one)
        return one

    def worker(self, *args: Any, **options: Any) -> Worker:
        """Start a worker and wait until it consumes."""
        return self.start_worker(*args, **options).until_ready()

    # --- rows -------------------------------------------------------------------------

    def thing(self) -> Thing:
        return Thing.objects.create(label=self.outcome.fault)

    def enqueue(self, number: int, *args: float, body: Any = tasks.work) -> list[Task]:
        return [body.delayed(self.thing(), *args) for _ in range(number)]

    def mixed(self, number: int, first: float, later: float = 0.05) -> list[Task]:
        """
        Enqueue plain and atomic bodies in turn.

        On SQLite an atomic body keeps everybody else from writing: none is long there.
        """
        long = min(first, 1.0) if self.leg.database == "sqlite" else first
        return [
            (tasks.exact if i % 2 else tasks.work).delayed(
                self.thing(), long if i % 2 else first, later
            )
            for i in range(number)
        ]

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
        while True:
            value = patiently(condition, end)
            if value:
                return value
            if time.monotonic() > end:
                raise TimeoutError(f"{what}: not within {timeout:.0f} s")
            time.sleep(0.02)

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
                    lambda row=row: self.starts_after(since, row) or self._has_ended(row),
                    f"{row} runs again",
                    left,
                )
            except TimeoutError:
                self.outcome.problems.append(f"{row} did not run again")
            again = self.starts_after(since, row)
            if again:
                self.outcome.recoveries.append((again[0].ns - since) / 1e9)

    def _has_ended(self, row: str) -> bool:
        """Return whether a row ended after its body did: no fault came in between."""
        ended = any(event.row == row for event in self.events("end"))
        return ended and Task.objects.filter(pk=row, status__in=ENDED).exists()

    # --- the outcome ------------------------------------------------------------------

    def reconnect(self) -> None:
        """Forget connections to servers that are others by now."""
        connections.close_all()

    def injected(self, number: int = 1) -> None:
        self.outcome.runs += number

    def expect(self, holds: Any, what: str) -> None:
        if not holds:
            self.outcome.problems.append(what)

    def close(self) -> None:
        """Count, stop the workers, and leave nothing for the next fault."""
        for one in self.workers:
            one.stop()
        connections.close_all()
        count(self)
        clear()
        doorbell.line.connections(registry.celery_app()).force_close_all()
        doorbell.line.mend()
        if self.leg.broker == "rabbitmq":
            self.leg.on_rabbitmq("queue_delete", [self.queue, self.side_queue])


ENDED = ("finished", "failed", "cancelled")


def patiently(action: Callable[[], T], end: float) -> T | None:
    """Call ``action``; nothing comes of it while the database is away."""
    try:
        return action()
    except (OperationalError, InterfaceError):
        connections.close_all()
        if time.monotonic() > end:
            raise
        return None


def count(scene: Scene) -> None:
    """Compare the rows, the effects and the journal."""
    outcome = scene.outcome
    rows = list(Task.objects.all())
    outcome.rows += len(rows)
    outcome.lost += sum(row.status not in ENDED for row in rows)
    overlaps = figures.overlaps(figures.runs(scene.events()))
    excused = sum(one.row in scene.excused for one, _ in overlaps)
    outcome.excused += excused
    outcome.overlaps += len(overlaps) - excused
    outcome.late_writes += sum(map(late_writes, rows))
    finished = {str(r.pk): r.attempt for r in rows if r.is_finished and r.name == tasks.exact.name}
    effects = list(Effect.objects.values_list("row", "attempt"))
    # Which is more than their number: each is the effect of the attempt that finished.
    outcome.duplicates += len(effects) - len(set(effects) & set(finished.items()))
    outcome.duplicates += len(set(finished.items()) - set(effects))


def late_writes(row: Task) -> int:
    """Return how many writes to a row came from a run that had lost it."""
    late = row.is_finished and row.result is not None and row.result != row.attempt
    attempts = [error["attempt"] for error in row.errors]
    return late + len(attempts) - len(set(attempts))


def clear() -> None:
    """Empty the tables."""
    for model in (Task, Message, WorkerRow, Effect, Thing):
        model._base_manager.all().delete()
