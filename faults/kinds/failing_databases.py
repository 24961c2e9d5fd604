"""The database goes away and comes back, or does for some time what it is not asked to."""

import time
from pathlib import Path

from django.db import connection, transaction

from boogie.apps.tasks import Task
from boogie.apps.tasks.conf import conf
from boogie.apps.tasks.models import Worker as WorkerRow
from faults.lab import tasks
from faults.scene import Scene

MODES = ("fast", "immediate")
#: Processes that run bodies.
CHILDREN = 3


def _restart(scene: Scene, turn: int) -> int:
    server = scene.leg.server
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


# --- a migration ----------------------------------------------------------------------


def stall(scene: Scene) -> None:
    """
    Tables are locked for longer than a lease, while every worker runs a body.

    Nobody's heart could beat: who comes back first must not take the others for dead.
    """
    queues = [scene.own_queue(number) for number in range(STALLED)]
    workers = [scene.worker(queue=queue) for queue in queues]
    for _ in range(max(1, scene.runs // 10)):
        seconds = conf.WORKER_TIMEOUT * 1.5
        length = seconds + conf.WORKER_TIMEOUT + 10.0
        rows = [row for queue in queues for row in scene.enqueue_for(queue, 1, length)]
        scene.begin(rows)
        hold_lock(seconds)
        scene.injected()
        scene.end()
        keys = [row.pk for row in rows]
        undisturbed = Task.objects.filter(pk__in=keys, status="finished", attempt=1, losses=0)
        left = STALLED - undisturbed.count()
        scene.expect(not left, f"{left} rows of living workers were given up")
    for one in workers:
        scene.keeps(one)


#: Workers whose hearts stop beating at one time.
STALLED = 4


def hold_lock(seconds: float) -> None:
    """Lock the tables as a migration does, for ``seconds``; raise if they are not to be had."""
    tables = (Task._meta.db_table, WorkerRow._meta.db_table)
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute("SET LOCAL lock_timeout = '10s'")
                cursor.execute(f"LOCK TABLE {', '.join(tables)} IN ACCESS EXCLUSIVE MODE")
            elif connection.vendor == "mysql":
                cursor.execute("SET lock_wait_timeout = 10")
                cursor.execute(f"LOCK TABLES {', '.join(f'{name} WRITE' for name in tables)}")
            # SQLite's transactions are IMMEDIATE here, and keep all others from writing.
            time.sleep(seconds)
            if connection.vendor == "mysql":
                cursor.execute("UNLOCK TABLES")
    finally:
        connection.close()


# --- a failover -----------------------------------------------------------------------

#: Seconds in which a server that was made a replica refuses to write.
READ_ONLY = 15.0


def refuse_writes(scene: Scene) -> None:
    """
    The server refuses to write for some time, while bodies run and end and workers look for more.

    What ended is settled afterwards, and was not run again; every worker goes on.
    """
    workers = [scene.worker(concurrency=2) for _ in range(2)]
    for _ in range(max(1, scene.runs // 5)):
        rows = scene.enqueue(4, READ_ONLY / 2)
        scene.begin(rows)
        _refuse_for(scene, READ_ONLY)
        moment = time.monotonic_ns()
        more = scene.enqueue(8, 0.05)
        scene.recovers([str(row.pk) for row in more], moment)
        scene.end()
        keys = [row.pk for row in rows]
        again = 4 - Task.objects.filter(pk__in=keys, status="finished", attempt=1).count()
        scene.expect(not again, f"{again} bodies that had ended were run again")
    for one in workers:
        scene.keeps(one)


def _refuse_for(scene: Scene, seconds: float) -> None:
    server = scene.leg.server
    assert server is not None
    server.refuse_writes(True)
    scene.injected()
    time.sleep(seconds)
    server.refuse_writes(False)
