"""Who holds a slot of a limit dies: the slot comes free, and never does more than one row run."""

import time
from typing import Any

from boogie.apps.tasks import Task
from faults.evidence import counting, figures
from faults.lab import tasks
from faults.scene import Scene
from faults.victims import kill_process

#: Seconds that a claim, or a hand-over, is held up in which its worker is killed.
HELD_UP = 3.0


def _line(scene: Scene, number: int = 3) -> list[Task]:
    """Enqueue rows of which one runs at a time; the first takes long."""
    first = scene.enqueue(1, 60.0, 0.05, body=tasks.single)
    return first + scene.enqueue(number - 1, 0.05, 0.05, body=tasks.single)


def kill_child(scene: Scene) -> None:
    """A child dies that holds the slot; the others of its line go on."""
    scene.worker(concurrency=2)
    for _ in range(scene.runs):
        rows = _line(scene)
        (start,) = scene.begin(rows[:1])
        time.sleep(scene.random.uniform(0.0, 0.5))
        moment = kill_process(start.pid)
        scene.injected()
        scene.recovers([str(row.pk) for row in rows], moment)
        scene.end()


def kill_worker(scene: Scene) -> None:
    """A whole worker dies whose child holds the slot: it is free when the row is rescued."""
    scene.judge()
    victim = scene.worker(concurrency=2)
    for _ in range(scene.rounds):
        rows = _line(scene)
        scene.begin(rows[:1])
        time.sleep(scene.random.uniform(0.0, 1.0))
        moment = victim.kill()
        scene.injected()
        victim = scene.start_worker(concurrency=2)
        scene.recovers([str(row.pk) for row in rows], moment)
        scene.end()


def kill_claim(scene: Scene) -> None:
    """A worker dies between the statements of a claim: what it took is rolled back with it."""
    for turn in range(max(2, scene.rounds)):
        where = ("limit", "slot")[turn % 2]
        before = len(scene.events("claiming"))
        # Beforehand: on SQLite whoever enqueues waits until a claim that is held up has ended.
        rows = scene.enqueue(3, 0.05, 0.05, body=tasks.single)
        victim = scene.worker(concurrency=1, FAULTS_INJECT=f"{where}:{HELD_UP}")
        scene.wait(lambda n=before: len(scene.events("claiming")) > n, "a claim")
        time.sleep(scene.random.uniform(0.0, HELD_UP / 2))
        moment = victim.kill()
        scene.injected()
        scene.expect(not _begun(scene, rows), "a body ran of a claim that was not committed")
        survivor = scene.start_worker(concurrency=2)
        scene.recovers([str(row.pk) for row in rows], moment)
        scene.end()
        survivor.stop()


def no_limit(scene: Scene) -> None:
    """A worker that does not keep the limit: no fault that happens, but the judge has to see it."""
    scene.worker(concurrency=3, FAULTS_INJECT="greedy:0")
    for _ in range(scene.rounds):
        scene.enqueue(3, 1.0, 1.0, body=tasks.single)
        scene.injected()
        scene.end()
    found = counting.crowded(figures.runs(scene.events()), set())
    kinds = {text.split()[1] for text in found}
    scene.expect(kinds == {"bodies", "rows"}, f"what the judge has seen: {found}")
    scene.stop_workers()
    Task.objects.all().delete()  # what was wrong was meant to be
    scene.made.clear()
    scene.path.unlink()


def _begun(scene: Scene, rows: list[Task]) -> list[Any]:
    keys = {str(row.pk) for row in rows}
    return [event for event in scene.events("start") if event.row in keys]


def kill_hand_over(scene: Scene) -> None:
    """
    A child dies after its row has settled, and before it wakes the next one.

    Its worker takes that for nothing: a keeper wakes who waits.
    """
    scene.worker(concurrency=2, FAULTS_INJECT=f"handover:{HELD_UP}")
    for _ in range(scene.runs):
        before = len(scene.events("handing"))
        rows = scene.enqueue(2, 0.05, 0.05, body=tasks.single)
        scene.wait(lambda n=before: len(scene.events("handing")) > n, "a row is handed over")
        moment = kill_process(scene.events("handing")[before].pid)
        scene.injected()
        scene.recovers([str(rows[1].pk)], moment)
        scene.end()
