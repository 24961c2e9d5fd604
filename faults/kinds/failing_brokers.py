"""A broker that forgets, goes away, or does not answer."""

import threading
import time
from collections.abc import Callable

from boogie.apps.tasks import Task
from boogie.apps.tasks.conf import conf
from faults.lab import tasks
from faults.scene import Scene

#: Seconds that a request may be held up: the two that are promised, and an allowance for a busy
#: machine. The short form is not made to measure it, only to see one that hangs.
LONGEST_ENQUEUE, LONGEST_IN_SHORT = 3.0, 10.0
#: Seconds after which a broker that hangs somebody goes on in any case.
AT_LAST = 60.0
#: Rows that wait: more than a worker with one child fetches ahead.
WAITING = 10


def flush(scene: Scene) -> None:
    """Every message is lost while rows wait."""
    _lose(scene, lambda: scene.leg.flush_broker([scene.queue]))


def restart(scene: Scene) -> None:
    """The broker goes away for some seconds and comes back empty."""

    def down_and_up() -> None:
        scene.leg.stop_broker([scene.queue])
        time.sleep(scene.random.uniform(0.5, 3.0))
        scene.leg.start_broker()

    _lose(scene, down_and_up)


def _lose(scene: Scene, messages: Callable[[], None]) -> None:
    """Occupy the only child, let rows wait behind it, make the fault; all must run."""
    scene.worker()
    for _ in range(scene.rounds):
        (start,) = scene.begin(scene.enqueue(1, 4.0, 4.0))
        rows = scene.enqueue(WAITING)
        moment = time.monotonic_ns()
        messages()
        scene.injected()
        scene.recovers([str(row.pk) for row in rows], moment)
        scene.expect(len(scene.starts_after(0, start.row)) == 1, "a running body was run again")
        scene.end()
        from boogie.apps.tasks.broker.connection import broker_pool

        broker_pool.forget()


def freeze(scene: Scene) -> None:
    """The broker takes connections and never answers, for longer than any lease."""
    worker = scene.worker(concurrency=2)
    for _ in range(scene.rounds):
        scene.begin(scene.enqueue(2, 1.0, 1.0))
        at_last = threading.Timer(AT_LAST, scene.leg.thaw_broker)
        at_last.start()
        scene.leg.freeze_broker()
        scene.injected()
        try:
            rows = _enqueue_for(scene, conf.WORKER_TIMEOUT + 4)
            scene.keeps(worker)
        finally:
            at_last.cancel()
            scene.leg.thaw_broker()
        moment = time.monotonic_ns()
        scene.recovers([str(row.pk) for row in rows], moment)
        scene.end()
        from boogie.apps.tasks.broker.connection import broker_pool

        broker_pool.forget()


def _enqueue_for(scene: Scene, seconds: float) -> list[Task]:
    """Enqueue rows as web requests do; none may take long."""
    rows, slowest = [], 0.0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        thing = scene.thing()
        begun = time.monotonic()
        rows.append(scene.note_made(tasks.work.delayed(thing)))
        slowest = max(slowest, time.monotonic() - begun)
        time.sleep(1.0)
    longest = LONGEST_IN_SHORT if scene.short else LONGEST_ENQUEUE
    scene.expect(slowest < longest, f"an enqueue took {slowest:.1f} s")
    return rows
