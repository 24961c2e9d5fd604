"""A child of the pool dies; its worker lives."""

import time

from boogie.apps.tasks import Task
from faults.lab import tasks
from faults.scene import Scene
from faults.victims import kill_process
from tests.support.proc import is_alive


def kill_child(scene: Scene) -> None:
    """Kill the process that runs a body, at a random moment of it."""
    scene.worker(concurrency=2)
    for _ in range(scene.runs):
        starts = scene.begin(scene.mixed(2, first=60.0))
        time.sleep(scene.random.uniform(0.0, 0.5))
        victim = scene.random.choice(scene.still_going(starts))
        killed = kill_process(victim.pid)
        scene.injected()
        scene.recovers([victim.row], killed)
        for other in starts:  # it has nothing more to show
            if other is not victim:
                kill_process(other.pid)
        scene.end()


def kill_at_random(scene: Scene) -> None:
    """Kill children at any moment of the claim, the body and the settlement."""
    scene.worker(concurrency=2)
    for _ in range(max(1, scene.runs // 4)):
        scene.enqueue(60, 0.03, 0.03, body=tasks.exact)
        scene.enqueue(20, 0.03, 0.03)
        for _ in range(4):
            time.sleep(scene.random.uniform(0.1, 0.7))
            runners = [e.pid for e in scene.events("start") if is_alive(e.pid)]
            if runners:
                kill_process(runners[-1])
                scene.injected()
        scene.end()


def poison(scene: Scene) -> None:
    """A task that kills its process every time fails in the end, and blocks nobody."""
    losses = 1 if scene.short else 3
    scene.worker(concurrency=2, tasks={"MAX_LOSSES": losses})
    number = max(1, scene.runs // 5)
    rows = scene.enqueue(number, body=tasks.poison)
    scene.injected(number)
    waited: list[float] = []
    scene.wait(lambda: _has_failed(rows) or waited.append(_time_to_run(scene)), "it fails", 180)
    # The short form is not made to measure it, only to see one that blocks.
    longest = 60 if scene.short else 30
    scene.expect(max(waited, default=0.0) < longest, f"another row waited {max(waited):.1f} s")
    for row in Task.objects.filter(name=tasks.poison.name):
        text = row.error or ""
        scene.expect(text.startswith("WorkerLost"), f"poison ended with {text!r}")
        scene.expect(row.attempt == losses + 1, f"poison ran {row.attempt} times")
    scene.end()


def _has_failed(rows: list[Task]) -> bool:
    same = Task.objects.filter(pk__in=[row.pk for row in rows])
    return not same.exclude(status="failed").exists()


def _time_to_run(scene: Scene) -> float:
    """Return the seconds in which a row that is enqueued now has begun."""
    asked = time.monotonic_ns()
    (start,) = scene.begin(scene.enqueue(1))
    return (start.ns - asked) / 1e9
