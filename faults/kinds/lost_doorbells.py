"""Doorbells that never ring, and doorbells that ring too often."""

import subprocess
import sys
import time

from boogie.apps.tasks import Task
from boogie.apps.tasks.broker import doorbell
from boogie.apps.tasks.db.clock import Moment
from faults.scene import Scene
from tests.support.processes import ROOT


def kill_producer(scene: Scene) -> None:
    """Producers die right after their commit, before they publish."""
    scene.worker(concurrency=2)
    command = [sys.executable, "-m", "faults.dying_producer", str(scene.runs), scene.queue]
    subprocess.run(command, cwd=ROOT, check=True, timeout=300)
    deaths = {event.row: event.ns for event in scene.events("committed")}
    scene.injected(len(deaths))
    scene.expect(len(deaths) == scene.runs, f"{len(deaths)} producers committed")
    for row, moment in deaths.items():
        scene.recovers([row], moment)
    scene.end()


def duplicate(scene: Scene) -> None:
    """Each doorbell is delivered ten times, before, during and after the run."""
    for _ in range(2):
        scene.worker(concurrency=2)
    for _ in range(max(1, scene.runs // 5)):
        rows = scene.enqueue(5, 0.3, 0.3)
        scene.injected(len(rows))
        for _ in range(10):
            ring_again(scene, rows)
            time.sleep(0.1)
        scene.end()
    # The duplicates are in the workers' hands: what comes after them has run.
    scene.begin(scene.enqueue(8))
    scene.end()
    attempts = set(Task.objects.values_list("attempt", flat=True))
    scene.expect(attempts == {1}, f"attempts {attempts}")
    starts = scene.events("start")
    scene.expect(len(starts) == Task.objects.count(), f"{len(starts)} bodies began")


def ring_again(scene: Scene, rows: list[Task]) -> None:
    """Deliver the doorbells of rows once more, whatever their status."""
    if scene.leg.has_broker:
        doorbell.ring(rows)
    else:
        # The row is the message: give it to the next worker that looks as well.
        queued = Task.objects.filter(pk__in=[row.pk for row in rows], status="queued")
        queued.update(due=Moment())
