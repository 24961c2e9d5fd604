"""The database goes away, or lets nobody in, and comes back."""

import time
from pathlib import Path

from django.db import connection

from boogie.apps.tasks import Task, Worker
from boogie.apps.tasks.conf import conf
from faults.lab import tasks
from faults.scene import Scene

MODES = ("fast", "immediate")
#: Processes that run bodies.
CHILDREN = 3


def _restart(scene: Scene, turn: int) -> int:
    server = scene.leg.postgres
    assert server is not None
    server.restart(MODES[turn % 2])
    scene.reconnect()
    scene.injected()
    return time.monotonic_ns()


def restart_while_running(scene: Scene) -> None:
    """Bodies of all kinds run, claim and settle when the server stops."""
    scene.worker(concurrency=CHILDREN)
    for turn in range(max(2, scene.runs // 4)):
        # Nobody runs the first of them before the last is there, however slow the machine is.
        freed = scene.leg.directory / f"{scene.outcome.fault}-freed-{turn}"
        scene.begin(_occupy(scene, freed))
        rows = scene.mixed(80, 0.1, 0.1)
        begun = len(scene.events("start"))
        freed.touch()
        scene.wait(lambda n=begun: len(scene.events("start")) > n + 3, "bodies begin")
        time.sleep(scene.random.uniform(0.0, 1.0))
        moment = _restart(scene, turn)
        later = scene.wait(
            lambda moment=moment: [e for e in scene.events("start") if e.ns > moment], "they go on"
        )
        scene.outcome.recoveries.append((later[0].ns - moment) / 1e9)
        scene.end()
        scene.expect(len(rows) == 80, "rows are missing")


def _occupy(scene: Scene, freed: Path) -> list[Task]:
    """Keep every child busy until there is the file ``freed``."""
    held = [tasks.hold.delayed(scene.thing(), str(freed)) for _ in range(CHILDREN)]
    return [scene.note_made(row) for row in held]


def restart_while_settling(scene: Scene) -> None:
    """
    Bodies have ended and are about to be settled, or their UPDATE is not committed yet.

    A plain body that ended is not run again; an atomic one whose commit failed had no effect,
    and runs again.
    """
    number = max(1, scene.runs // 10)
    for where, body in (("settle", tasks.work), ("commit", tasks.exact)):
        scene.worker(concurrency=CHILDREN, queue=scene.queue, FAULTS_INJECT=f"{where}:1.5")
        for turn in range(2 * number):
            before = len(scene.events("settling"))
            rows = scene.enqueue(3, body=body)
            scene.wait(lambda n=before: len(scene.events("settling")) >= n + 3, "settling")
            moment = _restart(scene, turn)
            scene.end()
            scene.outcome.recoveries.append((time.monotonic_ns() - moment) / 1e9)
            finished = Task.objects.filter(pk__in=[row.pk for row in rows], status="finished")
            scene.expect(finished.count() == 3, "a row did not finish")
            if where == "settle":
                once = finished.filter(attempt=1).count()
                scene.expect(once == 3, f"{3 - once} bodies that had ended were run again")
        scene.workers[-1].stop()


#: How nobody else gets at the tables, by vendor, and how they do again.
LOCKS = {
    "postgresql": ("BEGIN; LOCK TABLE {}, {} IN ACCESS EXCLUSIVE MODE", "COMMIT"),
    "mysql": ("LOCK TABLES {} WRITE, {} WRITE", "UNLOCK TABLES"),
    "sqlite": ("BEGIN IMMEDIATE", "ROLLBACK"),
}


def stall(scene: Scene) -> None:
    """Nobody gets at the tables for longer than a lease, while bodies run: no worker has died."""
    queues = [scene.queue, scene.side_queue]
    for queue in queues:
        scene.worker(queue=queue)
    for _ in range(scene.rounds):
        seconds = conf.WORKER_TIMEOUT + scene.random.uniform(1.0, 5.0)
        rows = [_enqueue_in(scene, queue, seconds + 6.0) for queue in queues]
        scene.begin(rows)
        time.sleep(scene.random.uniform(0.0, conf.HEARTBEAT))
        _lock_the_tables(seconds)
        scene.injected()
        scene.end()
        once = Task.objects.filter(pk__in=[row.pk for row in rows], status="finished", attempt=1)
        scene.expect(once.count() == 2, "a worker was given up that was only held up")


def _enqueue_in(scene: Scene, queue: str, seconds: float) -> Task:
    row = scene.note_made(tasks.work.paused(scene.thing(), seconds))
    Task.objects.filter(pk=row.pk).update(queue=queue)
    row.run()
    return row


def _lock_the_tables(seconds: float) -> None:
    lock, unlock = LOCKS[connection.vendor]
    tables = (Worker._meta.db_table, Task._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(lock.format(*tables))
        time.sleep(seconds)
        cursor.execute(unlock)
