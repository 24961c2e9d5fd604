"""Doorbells that never ring, and doorbells that ring too often."""

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from boogie.apps.tasks import Task, current_app
from boogie.apps.tasks.broker import doorbell
from boogie.apps.tasks.db.clock import Moment
from faults.lab import tasks
from faults.scene import Scene
from faults.victims import kill_process
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


def kill_unique_producer(scene: Scene) -> None:
    """Producers die with the row of a unique task that they have inserted and not committed."""
    scene.worker(concurrency=2)
    for number in range(scene.runs):
        thing = scene.thing()
        command = [sys.executable, "-m", "faults.dying_producer", "1", scene.queue]
        command += [str(thing.pk), "early"]
        dying = subprocess.Popen(command, cwd=ROOT)
        scene.wait(lambda most=number: len(scene.events("inserted")) > most, "it is inserted")
        row = scene.note_made(tasks.only.delayed(thing, 1.0))  # waits for what dies
        scene.expect(row.is_new, "a row that was never committed was in the way")
        scene.expect(not tasks.only.delayed(thing).is_new, "two rows have one place")
        dying.wait(60)
        scene.injected(1)
        scene.begin([row])
    scene.end()


def kill_unique_bell(scene: Scene) -> None:
    """Producers die right after the commit of a unique row: it is there for all, and runs."""
    scene.worker(concurrency=2)
    for number in range(scene.runs):
        thing = scene.thing()
        command = [sys.executable, "-m", "faults.dying_producer", "1", scene.queue, str(thing.pk)]
        subprocess.run(command, cwd=ROOT, check=True, timeout=60)
        event = scene.events("committed")[number]
        scene.injected()
        row = scene.note_made(tasks.only.delayed(thing))
        # On boogie:// the row is the message: it may have run by now.
        scene.expect(not row.is_new or not scene.leg.has_broker, "a row that waits was not found")
        scene.recovers([event.row], event.ns)
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


#: Seconds of a body beside which the keeper of its worker looks several times at what runs.
LONG = 25.0


def duplicate_long(scene: Scene) -> None:
    """
    Doorbells come again, time and again, to the worker that runs the row and has a free child.

    Every second time a child was killed before: its row is rung twice at its rescue.
    """
    seconds = LONG / 2 if scene.short else LONG
    one = scene.worker(concurrency=3)
    for turn in range(max(2, scene.runs // 5)):
        rows = scene.enqueue(2, seconds, seconds)
        starts = scene.begin(rows)
        if turn % 2:
            moment = kill_process(starts[0].pid)
            scene.recovers([starts[0].row], moment)
        scene.injected(len(rows))
        for _ in range(6):
            ring_again(scene, rows)
            time.sleep(seconds / 8)
        scene.end()
        attempts = {row.attempt for row in Task.objects.filter(pk__in=[row.pk for row in rows])}
        scene.expect(attempts <= {1, 1 + turn % 2}, f"attempts {attempts} without a further fault")
    scene.keeps(one)


def stale_headers(scene: Scene) -> None:
    """Somebody patches ``send_task``, to give each message its tenant: none may have another's."""
    scene.worker(concurrency=2)
    number = max(20, scene.runs)
    with tenants() as enqueue:
        for turn in range(number):
            scene.note_made(enqueue(scene, f"tenant{turn % 3}"))
    scene.injected(number)
    scene.end()


@contextlib.contextmanager
def tenants() -> Iterator[Callable[..., Task]]:
    """Yield what enqueues a row for a tenant, whose name goes with the message."""
    app = current_app.celery_app()
    original, current = app.send_task, [""]

    def send_task(*args: Any, headers: Any = None, **options: Any) -> Any:
        return original(*args, headers={**(headers or {}), "tenant": current[0]}, **options)

    def enqueue(scene: Scene, tenant: str, seconds: float = 0.0) -> Task:
        current[0] = tenant
        return tasks.addressed.delayed(scene.thing(), tenant, seconds)

    app.send_task = send_task
    try:
        yield enqueue
    finally:
        del app.send_task


def ring_again(scene: Scene, rows: list[Task]) -> None:
    """Deliver the doorbells of rows once more, whatever their status."""
    if scene.leg.has_broker:
        doorbell.ring(rows)
    else:
        # The row is the message: give it to the next worker that looks as well.
        queued = Task.objects.filter(pk__in=[row.pk for row in rows], status="queued")
        queued.update(due=Moment())
