"""Holding and releasing while processes die and servers restart."""

import subprocess
import sys
import time

from boogie.apps.tasks import Task, queues
from faults import journal
from faults.lab import tasks
from faults.scene import Scene
from tests.support.processes import ROOT

#: Seconds from the return of ``hold()`` on in which rows may still start, and those that are looked
#: at afterwards.
LATEST, LOOKED = 2.0, 5.0
#: Rows that a release finds asleep, and how many of them it wakes at one time.
ASLEEP, CHUNK = 12, 5


def restart_everything(scene: Scene) -> None:
    """A queue is held while its workers die and the server restarts: nothing starts."""
    for turn in range(scene.rounds):
        workers = [scene.worker(concurrency=2) for _ in range(2)]
        scene.enqueue(10, 0.3, 0.3)
        begun = len(scene.events("start"))
        scene.wait(lambda n=begun: len(scene.events("start")) > n, "bodies begin")
        for one in workers:
            one.kill()
        if scene.leg.server is not None:
            scene.leg.server.restart(("fast", "immediate")[turn % 2])
            scene.reconnect()
        workers = [scene.start_worker(concurrency=2) for _ in range(2)]
        scene.wait(lambda: queues.hold(scene.queue, reason="everything restarts"), "it is held")
        held = journal.note("held")
        scene.injected()
        for one in workers:
            one.until_ready()
        rows = scene.enqueue(6, 0.05, 0.05)
        time.sleep(LATEST + LOOKED)
        late = [e for e in scene.events("start") if e.ns > held + LATEST * 1e9]
        scene.expect(not late, f"{len(late)} bodies began {LATEST} s after a hold")
        scene.expect(queues.release(scene.queue), "the hold was forgotten")
        scene.recovers([str(row.pk) for row in rows], journal.note("released"))
        scene.end()
        for one in workers:
            one.stop()


def kill_release(scene: Scene) -> None:
    """Who releases a task dies when it has woken some of the rows; keepers wake the others."""
    scene.worker(concurrency=2)
    for turn in range(scene.rounds):
        tasks.work.hold(reason="it is released by who dies")
        rows = scene.enqueue(ASLEEP, 0.05, 0.05)
        asleep = Task.objects.queued().filter(due=None, held_by=f"task:{tasks.work.name}")
        scene.wait(lambda asleep=asleep: asleep.count() == ASLEEP, "the rows sleep")
        woken = CHUNK * (turn % 2)  # every second time it dies before it has woken any
        command = [sys.executable, "-m", "faults.dying_release", str(CHUNK), str(woken)]
        died = subprocess.run(command, cwd=ROOT, check=False, timeout=60)
        scene.expect(died.returncode == -9, "a release came to its end")
        scene.injected()
        scene.recovers([str(row.pk) for row in rows], scene.events("releasing")[-1].ns)
        scene.expect(not tasks.work.is_held, "a release that was killed released nothing")
        scene.end()
