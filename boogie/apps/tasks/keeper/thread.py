"""
The keeper of a worker: heartbeat, ringing what is due, rescue, purge.

``worker.py`` runs one in threads of each worker's main process. Any number of
them may work on one database; none is a leader: each step is a guarded
statement that a second keeper finds already done.
"""

import logging
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from django.db import connections, router

from boogie.apps.tasks.conf import conf
from boogie.apps.tasks.execution import losses
from boogie.apps.tasks.models import Task, TaskQuerySet

from .heartbeat import beat, leave
from .jobs import FAILED, _jobs, do_jobs, guarded
from .pacemaker import Pacemaker
from .purge import purge
from .rescue import rescue
from .ring import ring_due

logger = logging.getLogger(__name__)

#: Seconds between two looks for due rows.
TICK = 1.0
#: Rows that one look rings, or purges, at most.
BATCH = 1000
#: Steps that go on without a pause while they find half a batch or more.
FED = ("ring_due", "purge")
#: Seconds between two looks for the dead, and between two purges.
RESCUE_EVERY = 5.0
PURGE_EVERY = 60.0


def rows() -> TaskQuerySet:
    """Return all rows, of the database that has them."""
    return Task.objects.using(router.db_for_write(Task))


# --- steps ----------------------------------------------------------------------------


# --- the thread -----------------------------------------------------------------------


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
        self._next: dict[str, float] = {}

    @property
    def is_running(self) -> bool:
        return bool(self._threads)

    def introduce(self) -> None:
        """Make the worker known, in the thread of the caller."""
        guarded(self.beat)

    def start(self) -> None:
        """Begin the threads: one keeps, one does jobs, in which users' hooks may take long."""
        self._stopped = threading.Event()
        self._threads = [
            threading.Thread(target=self._keep, args=[self._stopped], name="boogie-keeper"),
            threading.Thread(target=do_jobs, name="boogie-jobs"),
        ]
        for thread in self._threads:
            thread.daemon = True
            thread.start()

    def stop(self, timeout: float = 10.0) -> None:
        """End the threads after what they do now; jobs that wait stay for their successors."""
        threads, self._threads = self._threads, []
        if threads:
            self._stopped.set()
            _jobs.put(None)
        for thread in threads:
            thread.join(timeout)

    def farewell(self) -> None:
        """Do the jobs that wait, end the pacemaker, and take this worker off the list."""
        while not _jobs.empty():
            job = _jobs.get()
            if job is not None:
                guarded(job)
        if self.pacemaker is not None:
            self.pacemaker.stop()
        guarded(partial(leave, self.worker_id))

    def tick(self) -> None:
        """Do every step whose time has come."""
        self._every(conf.HEARTBEAT, self.beat)
        self._every(TICK, partial(ring_due, ["", *self.about["queues"]]))
        if self.pool.known():
            self._next.pop(self.kill_terminated.__name__, None)
        self._every(PURGE_EVERY, self.kill_terminated)
        self._every(RESCUE_EVERY, self.compare)
        self._every(RESCUE_EVERY, rescue)
        self._every(PURGE_EVERY, purge)

    def beat(self) -> None:
        """Say that this worker is alive, to the database and to the pacemaker."""
        beat(self.worker_id, self.about)
        if self.pacemaker is not None:
            self.pacemaker.note_beat()

    def kill_terminated(self) -> None:
        """Kill the processes of this worker whose rows were cancelled with ``terminate``."""
        for key in list(rows().to_terminate(self.worker_id).values_list("pk", flat=True)):
            self.pool.kill(str(key))
            rows().filter(pk=key).update(terminate=False)

    def compare(self) -> None:
        """
        Rescue rows that name this worker and that it does not run.

        A row is given up when it was missing twice: between its settling and the
        worker's own bookkeeping there is a moment.
        """
        known = self.pool.known()
        mine = rows().running().filter(worker=self.worker_id)
        missing = [row for row in mine if str(row.pk) not in known]
        seen_before = self._missing
        self._missing = {(row.pk, row.attempt) for row in missing}
        for row in missing:
            if (row.pk, row.attempt) in seen_before:
                losses.lose(row, f"the worker {self.worker_id} lost track of the row")

    def _every(self, interval: float, step: Callable[[], Any]) -> None:
        name = getattr(step, "func", step).__name__
        now = time.monotonic()
        if now >= self._next.get(name, 0.0):
            result = guarded(step)
            # At the next tick again: a batch that was full, and a heartbeat that failed.
            full = name in FED and result is not FAILED and (result or 0) >= BATCH // 2
            missed = name == "beat" and result is FAILED
            self._next[name] = now if full or missed else now + interval

    def _keep(self, stopped: threading.Event) -> None:
        try:
            self.tick()
            while not stopped.wait(TICK):
                self.tick()
        finally:
            connections.close_all()
