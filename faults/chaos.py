"""
All faults at random, under load, for as long as is wanted: ``make chaos``.

Then calm: the servers are up and one good worker runs. Every row has to end.
"""

import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from boogie.apps.tasks import Batch, Task, queues
from faults.belonging import PORTION
from faults.evidence import counting
from faults.kinds import failing_databases, lost_doorbells
from faults.lab import tasks, together
from faults.legs import Leg
from faults.load import Load
from faults.playing import play
from faults.scene import DatabaseAway, Scene
from faults.victims import Worker, kill_process
from tests.support.proc import is_alive

#: Workers that live at one time.
WORKERS = 3
#: Their pools, the usual one more often, and how many bodies each runs at one time.
POOLS = (("prefork", 2), ("prefork", 2), ("threads", 4), ("gevent", 4))
#: Seconds of chaos' end until everything must have ended.
CALM = 600.0


class Chaos:
    """Makes load and faults in turn."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.random = scene.random
        self.later: list[tuple[float, Callable[[], None]]] = []
        self.made: dict[str, int] = {}
        self.broker_is_hurt = False
        self.load = Load(scene)

    # --- what is seen -----------------------------------------------------------------

    def look(self) -> None:
        """See that no two rows have one place at this moment."""
        try:
            self.scene.outcome.problems += counting.doubled()
        except DatabaseAway:
            self.scene.reconnect()

    # --- faults -----------------------------------------------------------------------

    def faults(self) -> list[Callable[[], None]]:
        """Return what can be done here, what is frequent more than once."""
        leg = self.scene.leg
        found = [self.kill_child] * 4 + [self.kill_worker, self.kill_main, self.stop_worker] * 2
        found += [self.duplicate, self.cancel, self.cancel_batch]
        found += [self.delete, self.retry, self.hold]
        found += [self.freeze] * 2 if leg.database != "sqlite" else []
        found += [self.restart_database] * 2 + [self.refuse_writes] if leg.server else []
        found += [self.stall]
        found += [self.flush, self.freeze_broker, self.restart_broker] if leg.has_broker else []
        return found

    def workers(self) -> list[Worker]:
        return [one for one in self.scene.workers if one.lives]

    def start_worker(self) -> None:
        """Start one of any pool, every second time as if it were on a host of its own."""
        alone = self.random.choice(["", "1"])
        # On SQLite a greenlet that waits for a lock stops all those of its process.
        pools = POOLS[:-1] if self.scene.leg.database == "sqlite" else POOLS
        pool, number = self.random.choice(pools)
        self.scene.start_worker(
            concurrency=number, pool=pool, FAULTS_PORTION=str(PORTION), FAULTS_ALONE=alone
        )

    def pick(self) -> Worker | None:
        awake = [one for one in self.workers() if not one.is_frozen]
        return self.random.choice(awake) if awake else None

    def kill_child(self) -> None:
        pids = {e.pid for e in self.scene.events("start")[-50:]}
        going = sorted(pid for pid in pids if is_alive(pid))
        if going:
            kill_process(self.random.choice(going))

    def kill_worker(self) -> None:
        for one in self._picked():
            one.kill()

    def kill_main(self) -> None:
        for one in self._picked():
            tree = one.tree
            kill_process(one.pid)
            for pid in tree:  # they die with it; make sure before one is taken for another
                kill_process(pid)

    def stop_worker(self) -> None:
        for one in self._picked():
            one.signal(self.random.choice([15, 15, 3]))

    def freeze(self) -> None:
        for one in self._picked():
            self.scene.freeze(one)
            self.after(self.random.uniform(1, 45), one.thaw)

    def _picked(self) -> list[Worker]:
        one = self.pick()
        return [one] if one else []

    def duplicate(self) -> None:
        rows = list(Task.objects.order_by("-pk")[:20])
        if not self.broker_is_hurt:
            lost_doorbells.ring_again(self.scene, rows)

    def cancel(self) -> None:
        self._some("queued", "running").cancel(terminate=self.random.random() < 0.5)

    def cancel_batch(self) -> None:
        for one in Batch.objects.running().order_by("-pk")[:1]:
            one.cancel()

    def retry(self) -> None:
        self._some("failed").retry()

    def delete(self) -> None:
        for row in self._some("queued"):
            thing = row.object
            if thing is not None and not thing.label.startswith(together.SUBSCRIBER):
                thing.delete()

    def hold(self) -> None:
        """Hold the queue or a task for a while; whoever releases may find the database away."""
        of_task = self.random.random() < 0.7
        chosen = self.random.choice([tasks.work, tasks.only, tasks.single, together.step])
        hold, release = (
            (chosen.hold, chosen.release)
            if of_task
            else (partial(queues.hold, self.scene.queue), partial(queues.release, self.scene.queue))
        )
        hold(reason="chaos")
        self.after(self.random.uniform(1, 15), lambda: self._released(release))

    def _released(self, release: Callable[[], bool]) -> None:
        try:
            release()
        except DatabaseAway:  # what heals it may have to be done by this loop
            self.scene.reconnect()
            self.after(1.0, lambda: self._released(release))

    def _some(self, *statuses: str) -> Any:
        keys = list(Task.objects.filter(status__in=statuses).values_list("pk", flat=True))
        chosen = self.random.sample(keys, min(len(keys), 3))
        return Task.objects.filter(pk__in=chosen, status__in=statuses)

    def restart_database(self) -> None:
        assert self.scene.leg.server is not None
        self.scene.leg.server.restart(self.random.choice(["fast", "immediate"]))
        self.scene.reconnect()

    def refuse_writes(self) -> None:
        server = self.scene.leg.server
        assert server is not None
        server.refuse_writes(True)
        self.after(self.random.uniform(1, 20), lambda: server.refuse_writes(False))

    def stall(self) -> None:
        if self.random.random() < 0.3:  # nothing else can be made meanwhile
            failing_databases.hold_lock(self.random.uniform(1, 40))

    def flush(self) -> None:
        if not self.broker_is_hurt:
            self.scene.leg.flush_broker([self.scene.queue])

    def freeze_broker(self) -> None:
        self._hurt_broker(self.scene.leg.freeze_broker, self.scene.leg.thaw_broker)

    def restart_broker(self) -> None:
        leg = self.scene.leg
        self._hurt_broker(partial(leg.stop_broker, [self.scene.queue]), leg.start_broker)

    def _hurt_broker(self, hurt: Callable[[], None], heal: Callable[[], None]) -> None:
        if not self.broker_is_hurt:
            hurt()
            self.broker_is_hurt = True
            self.after(self.random.uniform(1, 10), lambda: self._healed(heal))

    def _healed(self, heal: Callable[[], None]) -> None:
        heal()
        self.broker_is_hurt = False

    # --- the course of it -------------------------------------------------------------

    def after(self, seconds: float, what: Callable[[], None]) -> None:
        self.later.append((time.monotonic() + seconds, what))

    def do_later(self) -> None:
        now = time.monotonic()
        due = [item for item in self.later if item[0] <= now]
        self.later = [item for item in self.later if item not in due]
        for _, what in due:
            what()

    def make_one(self) -> None:
        fault = self.random.choice(self.faults())
        try:
            fault()
        except DatabaseAway:
            self.scene.reconnect()
        self.made[fault.__name__] = self.made.get(fault.__name__, 0) + 1
        self.scene.injected()

    def run(self, seconds: float) -> None:
        self.load.belonging.begin()
        end = time.monotonic() + seconds
        next_fault = time.monotonic() + 5
        while time.monotonic() < end:
            if len(self.workers()) < WORKERS:
                self.start_worker()
            self.load.add()
            self.look()
            self.do_later()
            if time.monotonic() > next_fault:
                self.make_one()
                next_fault = time.monotonic() + self.random.uniform(1.0, 6.0)
            time.sleep(self.random.uniform(0.05, 0.3))
        while self.later:
            self.do_later()
            time.sleep(0.1)


def make(leg: Leg, seconds: float, seed: int) -> dict[str, Any]:
    """Make chaos on a leg; return its outcome."""
    scene = Scene(leg, "chaos", 1, seed, short=False)
    scene.outcome.title = "all of them at random"
    chaos = Chaos(scene)

    def run() -> None:
        chaos.run(seconds)
        print(f"{leg.name} chaos: {chaos.made}; now calm", file=sys.stderr, flush=True)
        from boogie.apps.tasks.broker.connection import broker_pool

        broker_pool.forget()
        scene.start_worker(concurrency=2)
        chaos.load.belonging.settle(CALM)
        scene.end(CALM)

    return play(scene, run, timed=False)
