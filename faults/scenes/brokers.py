"""A broker that forgets, goes away, or does not answer."""

import time
from collections.abc import Callable

from boogie.apps.tasks import doorbell
from boogie.apps.tasks.models import Worker as WorkerRow
from faults.lab import tasks
from faults.scene import Scene

#: Seconds that a request may be held up, with some allowance for a busy machine.
LONGEST_ENQUEUE = 3.0
#: Rows that wait: more than a worker with one child fetches ahead.
WAITING = 10


def flush(scene: Scene) -> None:
    """Every message is lost while rows wait."""
    _lose(scene, lambda: scene.leg.flush_broker([scene.queue]))


def restart(scene: Scene) -> None:
    """The broker goes away for some seconds; Redis comes back empty."""

    def down_and_up() -> None:
        scene.leg.stop_broker()
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
        doorbell.line.mend()


def freeze(scene: Scene) -> None:
    """The broker takes connections and never answers, for some seconds."""
    worker = scene.worker(concurrency=2)
    for _ in range(scene.rounds):
        scene.begin(scene.enqueue(2, 1.0, 1.0))
        scene.leg.freeze_broker()
        scene.injected()
        try:
            rows = _enqueue_for(scene, 15.0)
            seen = WorkerRow.objects.get(pid=worker.pid)
            scene.expect(seen.is_alive, "the keeper hangs")
        finally:
            scene.leg.thaw_broker()
        moment = time.monotonic_ns()
        scene.recovers([str(row.pk) for row in rows], moment)
        scene.end()
        doorbell.line.mend()


def _enqueue_for(scene: Scene, seconds: float) -> list:
    """Enqueue rows as web requests do; none may take long, and the heart has to beat."""
    rows, slowest = [], 0.0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        begun = time.monotonic()
        rows.append(tasks.work.delayed(scene.thing()))
        slowest = max(slowest, time.monotonic() - begun)
        time.sleep(1.0)
    scene.expect(slowest < LONGEST_ENQUEUE, f"an enqueue took {slowest:.1f} s")
    return rows
