"""Many rows that wait: keepers do not ring for them again and again."""

import time

from boogie.apps.tasks import Task
from boogie.apps.tasks.conf import conf
from faults.lab import tasks
from faults.lab.models import Thing
from faults.scene import Scene

#: Rows, and seconds that all of them wait: what is promised, and what shows it sooner.
FULL_ROWS, FULL_SECONDS = 100_000, 600.0
ROWS, RINGS = 1_500, 4
#: Rows that are there before the worker: more than the batch up to which its keeper rings again.
FIRST = 1_100
#: Times that each fault is made from which on the backlog is the full one.
FULL_FROM = 10
#: Longer than any wait.
FOR_EVER = 36_000.0


def wait(scene: Scene) -> None:
    """
    The only child of a worker is busy while rows wait, each of which was rung when it was made.

    Counted are the messages that the broker has in the end, and those that the
    worker has taken. Then the rows are cancelled.
    """
    is_full = scene.runs >= FULL_FROM and not scene.short
    number = FULL_ROWS if is_full else ROWS
    seconds = FULL_SECONDS if is_full else RINGS * conf.RING_AGAIN
    scene.outcome.title = f"backlog of {number:,} rows that wait for {seconds:.0f} s"
    busy = scene.enqueue(1, FOR_EVER)
    thing = scene.thing()
    _enqueue(scene, thing, FIRST)
    worker = scene.worker()
    scene.begin(busy)
    _enqueue(scene, thing, number - FIRST)
    scene.injected()
    time.sleep(seconds)
    published = scene.leg.waiting(scene.queue) + worker.log.count("] received")
    scene.outcome.waiting = number
    scene.outcome.extra = published - len(busy) - number
    scene.keeps(worker)
    scene.expect(len(scene.events("start")) == 1, "not all rows waited")
    worker.kill()
    Task.objects.exclude(status="cancelled").cancel()


def _enqueue(scene: Scene, thing: Thing, number: int) -> None:
    for _ in range(number):
        scene.note_made(tasks.work.delayed(thing))
