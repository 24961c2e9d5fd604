"""
The keeper of a worker: the steps that look after workers and rows.

Any number of keepers may work on one database; none is a leader: each step is a guarded
statement that a second keeper finds already done.
"""

import logging
import math
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from django.db import connections

from boogie.apps.tasks import limits
from boogie.apps.tasks.broker import requests
from boogie.apps.tasks.broker.fleet import fleet, share
from boogie.apps.tasks.conf import conf
from boogie.apps.tasks.db import sql
from boogie.apps.tasks.db.connections import leave_pools
from boogie.apps.tasks.db.lending import bodies
from boogie.apps.tasks.execution import losses
from boogie.apps.tasks.limiting import watch
from boogie.apps.tasks.models import Task
from boogie.apps.tasks.scheduling import following, timetable

from . import jobs, looks, purge, rescue, ring, rollups
from .beside import neighbours
from .heartbeat import beat, leave
from .pacemaker import Pacemaker
from .step import Step, found, guarded, went_wrong
from .threads import Threads

logger = logging.getLogger(__name__)

#: Seconds between two looks for due rows.
TICK = 1.0
#: Seconds between two looks for the dead, between two purges, and between two counts.
RESCUE_EVERY = 5.0
LYING_EVERY = 4.0
PURGE_EVERY = 60.0
COUNT_EVERY = 60.0
#: The same for rows to kill, as long as nothing runs here: else it is every second.
KILL_EVERY = 300.0
#: Up to how many seconds lie on average between two looks of one among many workers.
HOURLY = 3600.0
#: Seconds for which a worker goes on as if it were alone after it has had something to do.
IDLE_AFTER = 2 * RESCUE_EVERY + 2 * TICK


class Pool(Protocol):
    """What the keeper asks of the worker that it belongs to."""

    def known(self) -> set[str]:
        """Return the ids of all tasks that the worker has: reserved, or running."""

    def kill(self, task_id: str) -> None:
        """Kill the process that runs a task, where the pool can."""


class Keeper:
    """The steps, and the threads in which they are done."""

    #: Of a worker whose bodies may hold up these threads.
    pacemaker: Pacemaker | None = None
    #: Tells the queues of a worker, which remote control may change.
    serves: Callable[[], list[str]] | None = None

    def __init__(self, worker_id: str, about: dict[str, Any], pool: Pool) -> None:
        self.worker_id = worker_id
        self.about = about
        self.pool = pool
        self._known_until = 0.0
        self._worked = -math.inf
        self.threads = Threads(self._keep, looks.keep_limits if limits.are_declared() else None)
        # As soon as there is something to kill for; else there is nothing, as far as is known.
        self._kill = Step(self.kill_terminated, every=lambda: KILL_EVERY)
        # A heartbeat that failed is late already.
        self._beat = Step(self.beat, every=lambda: conf.HEARTBEAT, at_once=went_wrong)
        self.missing = rescue.Missing(worker_id, lambda: self.pool.known(), self.lose)
        self._neighbours = neighbours.Neighbours(worker_id, self.lose)
        self._looks = looks.Looks(self._neighbours)
        self._slots = timetable.Looks(self._do_aside, lambda: self.threads.are_complete)
        self._turns = rollups.Turns()
        self._lying = ring.Lying()
        self._find = Step(self.find_lying, lambda: LYING_EVERY, found(1), at_most=HOURLY)
        self._count = Step(self.count, lambda: COUNT_EVERY, lambda more: more is True, HOURLY)
        self._own = [self._beat, self._kill, Step(self._neighbours.look, every=lambda: TICK)]
        self._shared = [
            Step(self.ring, lambda: TICK, found(ring.BATCH // 2), at_most=HOURLY),
            Step(following.follow, lambda: math.inf, went_wrong),
            Step(self.look_after, lambda: RESCUE_EVERY, at_most=2 * conf.WORKER_TIMEOUT),
            Step(self._slots.look, lambda: TICK, at_most=HOURLY),
            Step(purge.purge, lambda: PURGE_EVERY, found(purge.BATCH // 2), at_most=HOURLY),
            Step(rollups.note_release, lambda: math.inf, went_wrong),
            self._count,
        ]
        if limits.are_declared():
            many = found(watch.BATCH // 2)
            self._shared.append(Step(watch.forget_unused, lambda: PURGE_EVERY, many, HOURLY))

    @property
    def is_well(self) -> bool:
        """Whether others know that this worker lives; else it must begin nothing."""
        return time.monotonic() < self._known_until and not self.threads.has_died

    def revive(self) -> None:
        """Begin threads anew that have died; until it has beaten, the worker begins no row."""
        if self.threads.has_died:
            self._known_until = 0.0
            self._beat.hurry()
            logger.critical("A thread of the keeper of %s has died; it begins anew", self.worker_id)
            self.threads.revive()

    def introduce(self) -> None:
        """Make the worker known, in the thread of the caller."""
        guarded(self.beat)

    def farewell(self) -> None:
        """Do the jobs that wait, end the pacemaker, and take this worker off the list."""
        jobs.finish()
        if self.pacemaker is not None:
            self.pacemaker.stop()
        guarded(partial(leave, self.worker_id))

    def tick(self) -> None:
        """Do every step whose time has come."""
        if guarded(self.pool.known):
            self._kill.hurry()
            self._worked = time.monotonic()
        for step in self._own:
            step.look()
        # One that has had work does not look less often.
        is_idle = time.monotonic() > self._worked + IDLE_AFTER
        for step in self._shared:
            step.look(share(fleet.alike) if is_idle else 1.0)
        # Those that could begin nothing do not look for what others could.
        self._find.look(share(fleet.with_room) if is_idle else 1.0)

    def ring(self) -> int:
        """Ring for due rows of the queues that this worker consumes from; return how many."""
        return ring.ring_due(["", *self.about["queues"]])

    def find_lying(self) -> int:
        """Have rows looked at that wait while this worker is idle; return how many."""
        return self._lying.look(["", *self.about["queues"]], requests.idle())

    def lose(self, row: Task, how: str) -> None:
        """Rescue or fail a row; not in the thread that beats: hooks and receivers are called."""
        if self.threads.has_begun:
            jobs.submit(losses.lose, row, how)
        else:
            losses.lose(row, how)

    def count(self) -> bool:
        """
        Have rollups counted; return whether there is more to count, as far as that is known.

        Not in the thread that beats: there may be much to catch up.
        """
        if not self.threads.has_begun:
            return self._turns.take()
        jobs.submit(self._count_some)
        return False

    def _count_some(self) -> None:
        if self._turns.take():
            self._count.hurry()

    def beat(self) -> None:
        """Say that this worker is alive, to the database and to the pacemaker."""
        now = time.monotonic()
        if self.serves is not None:
            self.about["queues"] = self.serves()
        beat(self.worker_id, self.about)
        self._known_until = now + conf.WORKER_TIMEOUT
        if self.pacemaker is not None and self.pacemaker.note_beat():
            self._known_until = math.inf

    def kill_terminated(self) -> None:
        """Kill the processes of this worker whose rows were cancelled with ``terminate``."""
        rows = Task.objects.on_primary()
        for key in list(rows.to_terminate(self.worker_id).values_list("pk", flat=True)):
            self.pool.kill(str(key))
            rows.filter(pk=key).update(terminate=False)

    def look_after(self) -> None:
        """
        Compare, rescue, and cancel what has expired, where there is any of it.

        To be idle is one statement.
        """
        seen_to = self._looks.every()
        asked = self.missing.mine(), *self._slots.asked(), *(rows for rows, _job in seen_to)
        found = sql.which_exist(*asked, *rescue.left_behind(self.worker_id))
        runs, are_scheduled, is_open, *others = found
        self._slots.are_told(are_scheduled, is_open)
        guarded(self.missing.compare if runs else self.missing.forget)
        if any(others[len(seen_to) :]):
            guarded(partial(rescue.rescue, self.worker_id, self.lose))
        for (_rows, job), are_there in zip(seen_to, others, strict=False):
            if are_there:
                self._do_aside(job)

    def _do_aside(self, job: Callable[[], Any]) -> None:
        """Not in the thread that beats: receivers are called, or there is much to do."""
        if self.threads.has_begun:
            jobs.submit(job)
        else:
            guarded(job)

    def _keep(self, stopped: threading.Event) -> None:
        """
        Tick until told to end. Whatever breaks that off, it begins again.

        Without its heartbeat a worker is taken for dead, and its rows run elsewhere.
        """
        try:
            while not stopped.is_set():
                self._tick_or_tell()
                stopped.wait(TICK)
        finally:
            connections.close_all()

    def _tick_or_tell(self) -> None:
        try:
            self.tick()
            leave_pools()
            bodies.tidy()
        except BaseException:
            self._known_until = 0.0
            self._beat.hurry()
            logger.critical(
                "The keeper of %s broke off and begins again; until it has beaten the worker "
                "begins no row",
                self.worker_id,
                exc_info=True,
            )
