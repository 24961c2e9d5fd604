"""
The keeper of a worker: the steps that look after workers and rows, and the threads they run in.

Any number of keepers may work on one database; none is a leader: each step is a guarded
statement that a second keeper finds already done.
"""

import threading
from functools import partial
from typing import Any, Protocol

from django.db import connections

from boogie.apps.tasks.conf import conf
from boogie.apps.tasks.execution import losses
from boogie.apps.tasks.models import Task

from . import jobs, purge, ring
from .heartbeat import beat, leave
from .pacemaker import Pacemaker
from .rescue import rescue
from .step import Step, found, guarded, went_wrong

#: Seconds between two looks for due rows.
TICK = 1.0
#: Seconds between two looks for the dead, and between two purges.
RESCUE_EVERY = 5.0
PURGE_EVERY = 60.0
#: Threads that do jobs: a hook that takes long must not hold up the rescue of all other rows.
JOB_THREADS = 2
#: Seconds that a thread gets to end what it does.
END_WITHIN = 10.0


class Pool(Protocol):
    """What the keeper asks of the worker that it belongs to."""

    def known(self) -> set[str]:
        """Return the ids of all tasks that the worker has: reserved, or running."""

    def kill(self, task_id: str) -> None:
        """Kill the process that runs a task, where the pool can."""


class Keeper:
    """Runs the steps in threads that can be stopped for the moment of a fork."""

    #: Of a worker whose bodies may hold up these threads.
    pacemaker: Pacemaker | None = None

    def __init__(self, worker_id: str, about: dict[str, Any], pool: Pool) -> None:
        self.worker_id = worker_id
        self.about = about
        self.pool = pool
        self._missing: set[tuple[Any, int]] = set()
        self._stopped = threading.Event()
        self._threads: list[threading.Thread] = []
        self._kill = Step(self.kill_terminated, every=lambda: PURGE_EVERY)
        self._steps = [
            # A heartbeat that failed is late already.
            Step(self.beat, every=lambda: conf.HEARTBEAT, at_once=went_wrong),
            Step(self.ring, every=lambda: TICK, at_once=found(ring.BATCH // 2)),
            self._kill,
            Step(self.compare, every=lambda: RESCUE_EVERY),
            Step(partial(rescue, self.worker_id, self.lose), every=lambda: RESCUE_EVERY),
            Step(purge.purge, every=lambda: PURGE_EVERY, at_once=found(purge.BATCH // 2)),
        ]

    @property
    def is_running(self) -> bool:
        return bool(self._threads)

    def introduce(self) -> None:
        """Make the worker known, in the thread of the caller."""
        guarded(self.beat)

    def start(self) -> None:
        """Begin the threads: one keeps, some do jobs, in which users' hooks may take long."""
        self._stopped = threading.Event()
        self._threads = [
            threading.Thread(target=self._keep, args=[self._stopped], name="boogie-keeper"),
            *(threading.Thread(target=jobs.work, name="boogie-jobs") for _ in range(JOB_THREADS)),
        ]
        for thread in self._threads:
            thread.daemon = True
            thread.start()

    def stop(self) -> None:
        """End the threads after what they do now; jobs that wait stay for their successors."""
        threads, self._threads = self._threads, []
        if threads:
            self._stopped.set()
            for _ in range(JOB_THREADS):
                jobs.stop()
        for thread in threads:
            thread.join(END_WITHIN)

    def farewell(self) -> None:
        """Do the jobs that wait, end the pacemaker, and take this worker off the list."""
        jobs.finish()
        if self.pacemaker is not None:
            self.pacemaker.stop()
        guarded(partial(leave, self.worker_id))

    def tick(self) -> None:
        """Do every step whose time has come."""
        if self.pool.known():
            self._kill.hurry()
        for step in self._steps:
            step.look()

    def ring(self) -> int:
        """Ring for due rows of the queues that this worker consumes from; return how many."""
        return ring.ring_due(["", *self.about["queues"]])

    def lose(self, row: Task, how: str) -> None:
        """Rescue or fail a row; not in the thread that beats: hooks and receivers are called."""
        if self.is_running:
            jobs.submit(losses.lose, row, how)
        else:
            losses.lose(row, how)

    def beat(self) -> None:
        """Say that this worker is alive, to the database and to the pacemaker."""
        beat(self.worker_id, self.about)
        if self.pacemaker is not None:
            self.pacemaker.note_beat()

    def kill_terminated(self) -> None:
        """Kill the processes of this worker whose rows were cancelled with ``terminate``."""
        rows = Task.objects.on_primary()
        for key in list(rows.to_terminate(self.worker_id).values_list("pk", flat=True)):
            self.pool.kill(str(key))
            rows.filter(pk=key).update(terminate=False)

    def compare(self) -> None:
        """
        Rescue rows that name this worker and that it does not run.

        A row is given up when it was missing twice: between its settling and the
        worker's own bookkeeping there is a moment.
        """
        known = self.pool.known()
        mine = Task.objects.on_primary().running().filter(worker=self.worker_id)
        missing = [row for row in mine if str(row.pk) not in known]
        seen_before = self._missing
        self._missing = {(row.pk, row.attempt) for row in missing}
        for row in missing:
            if (row.pk, row.attempt) in seen_before:
                self.lose(row, f"the worker {self.worker_id} lost track of the row")

    def _keep(self, stopped: threading.Event) -> None:
        try:
            self.tick()
            while not stopped.wait(TICK):
                self.tick()
        finally:
            connections.close_all()
