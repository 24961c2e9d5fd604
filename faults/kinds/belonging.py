"""Who tells those that wait dies: chains go on, batches call once, slots are made whole."""

import time
from typing import Any

from boogie.apps.tasks import Batch, Schedule, Task, batch
from faults import belonging
from faults.kinds.slots import HELD_UP
from faults.lab import together
from faults.scene import Scene
from faults.victims import kill_process

#: Batches of two rows, and objects of a slot, with full and with short timings; of these, how many
#: one transaction is about.
PAIRS, PAIRS_SHORT = 1000, 30
OBJECTS, OBJECTS_SHORT = 100_000, 1000
PORTION, PORTION_SHORT = 10_000, 100
#: Seconds until others have made a slot whole.
WHOLE_WITHIN = 180.0


def _wait_for_next(scene: Scene, kind: str, before: int) -> Any:
    """Wait for the next event of a kind, of which there were so many; return it."""
    scene.wait(lambda: len(scene.events(kind)) > before, kind)
    return scene.events(kind)[before]


def kill_hand_on(scene: Scene) -> None:
    """A child dies after its row has settled, and before it wakes those that are after it."""
    scene.worker(concurrency=2, FAULTS_INJECT=f"onward:{HELD_UP}")
    for _ in range(scene.runs):
        before = len(scene.events("onward"))
        first = scene.enqueue(1, 0.05, 0.05, body=together.step)
        second = scene.enqueue(2, 0.05, 0.05, body=together.step.using(after=first))
        last = scene.enqueue(1, 0.05, 0.05, body=together.step.using(after=second))
        moment = kill_process(_wait_for_next(scene, "onward", before).pid)
        scene.injected()
        scene.recovers([str(row.pk) for row in (*second, *last)], moment)
        scene.end()


def kill_ending(scene: Scene) -> None:
    """A child dies after the last row of a batch, and before it looks whether that was the last."""
    _kill_at_end(scene, "ending")


def kill_calling(scene: Scene) -> None:
    """A child dies that has made the row which a batch calls, before that is committed."""
    _kill_at_end(scene, "calling")


def _kill_at_end(scene: Scene, where: str) -> None:
    scene.worker(concurrency=2, FAULTS_INJECT=f"{where}:{HELD_UP}")
    for _ in range(scene.runs):
        before = len(scene.events(where))
        made = _batch(scene, 2)
        moment = kill_process(_wait_for_next(scene, where, before).pid)
        scene.injected()
        scene.wait(lambda made=made: _called(made), "it is called")
        scene.recovers([str(row.pk) for row in _called(made)], moment)
        _await_batches(scene)


def last_rows(scene: Scene) -> None:
    """The two last rows of a batch end at the same time: one of them ends it, and one alone."""
    scene.worker(concurrency=2)
    pairs = PAIRS_SHORT if scene.short else PAIRS
    for _ in range(pairs):
        _batch(scene, 2)
    scene.injected(pairs)
    _await_batches(scene)


def _batch(scene: Scene, number: int) -> Batch:
    with batch(scene.thing(), **together.CALLED) as made:
        scene.enqueue(number, 0.0, 0.0, body=together.step)
    return made


def _called(made: Batch) -> list[Task]:
    names = [task.name for task in together.CALLED.values()]
    return list(Task.objects.filter(name__in=names, object_id=made.object_id))


def _await_batches(scene: Scene) -> None:
    scene.wait(lambda: not Batch.objects.running().exists(), "batches are over", 180.0)
    scene.end()


def kill_slot(scene: Scene) -> None:
    """A keeper dies in the middle of a slot over many objects; another one makes the rest."""
    number, portion = (OBJECTS, PORTION) if not scene.short else (OBJECTS_SHORT, PORTION_SHORT)
    belonging.subscribe(number)
    begun = {
        "queue": scene.side_queue,  # no row is run: they are many
        "FAULTS_PORTION": str(portion),
        "FAULTS_INJECT": "portion:0.3",
    }
    victim = scene.worker(**begun)
    for killed in range(1, 3):
        _wait_for_next(scene, "portion", 2 * killed)
        time.sleep(scene.random.uniform(0.0, 0.5))
        victim.kill()
        scene.injected()
        belonging.no_more_slots()
        victim = scene.start_worker(**begun)
    made = Task.objects.filter(name=together.digest.name)
    scene.wait(lambda: not Schedule.objects.open().exists(), "the slot is whole", WHOLE_WITHIN)
    scene.expect(made.count() == number, f"{made.count()} rows for {number} objects")
    made.cancel()
    scene.end()
