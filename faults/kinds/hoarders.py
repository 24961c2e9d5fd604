"""Workers that have got more than they can begin, while others have nothing to do."""

import time

from faults.scene import Scene

#: Seconds of the body that keeps the only process of a worker busy, and rows that it has got.
LONG, ROWS = 25.0, 3


def keep(scene: Scene) -> None:
    """A busy worker has got rows, and one comes that is idle."""
    _hoard(scene, is_killed=False)


def kill(scene: Scene) -> None:
    """A busy worker that has got rows is killed; another one comes."""
    _hoard(scene, is_killed=True)


def _hoard(scene: Scene, is_killed: bool) -> None:
    for _ in range(scene.rounds):
        one = scene.worker()
        starts = scene.begin(scene.enqueue(1, LONG, 0.05))
        rows = [str(row.pk) for row in scene.enqueue(ROWS)]
        time.sleep(2.0)  # they are in its hands
        scene.expect(scene.still_going(starts), "the worker is not busy")
        if is_killed:
            one.kill()
        scene.worker(concurrency=ROWS)
        moment = time.monotonic_ns()
        scene.injected(len(rows))
        scene.recovers(rows, moment)
        if not is_killed:
            scene.expect(scene.still_going(starts), "the rows had to wait")
        scene.end()
        scene.stop_workers()
