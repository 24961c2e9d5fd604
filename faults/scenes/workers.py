"""A whole worker dies, or does not notice that it was given up for dead."""

import signal
import sqlite3
import time
from collections.abc import Callable

from django.db import connection

from boogie.apps.tasks import Task
from boogie.apps.tasks.models import Worker as WorkerRow
from faults.journal import Event
from faults.lab import tasks
from faults.processes import Worker, alive, kill_process, note_deaths
from faults.scene import Scene

#: Bodies that the victim runs; its successor has to run them again.
BODIES = 4


def _end_workers(scene: Scene, how: Callable[[Worker], int]) -> None:
    """Have a worker run bodies, end it; the worker that starts then has to rescue them."""
    victim = scene.worker(concurrency=BODIES)
    for _ in range(scene.rounds):
        # Longer than any lease, so that a body that lives on is seen to overlap.
        starts = scene.begin(scene.mixed(BODIES, first=60.0))
        time.sleep(scene.random.uniform(0.0, 2.0))
        _keep_running(scene, starts)
        running = [e.row for e in scene.still_going(starts)]
        moment = how(victim)
        scene.injected()
        victim = scene.start_worker(concurrency=BODIES)
        scene.recovers(running, moment)
        scene.end()


def _keep_running(scene: Scene, starts: list[Event]) -> None:
    scene.expect(all(alive(e.pid) for e in starts), "a child died by itself")


def kill_worker(scene: Scene) -> None:
    """The main process and its children die at once."""
    _end_workers(scene, Worker.kill)


def kill_main(scene: Scene) -> None:
    """The main process dies; what becomes of its children is part of the question."""
    _end_workers(scene, _kill_main)


def _kill_main(victim: Worker) -> int:
    tree = victim.tree
    moment = kill_process(victim.pid)
    end = time.monotonic() + 2.0
    while time.monotonic() < end and any(map(alive, tree)):
        time.sleep(0.01)
    note_deaths([pid for pid in tree if pid != victim.pid and not alive(pid)])
    return moment


def term_then_kill(scene: Scene) -> None:
    """A warm shutdown that is not given the time that it asks for."""

    def impatient(victim: Worker) -> int:
        victim.signal(signal.SIGTERM)
        time.sleep(scene.random.uniform(0.1, 2.0))
        return victim.kill()

    _end_workers(scene, impatient)


def cold_shutdown(scene: Scene) -> None:
    """The worker ends its children and says farewell."""

    def cold(victim: Worker) -> int:
        tree = victim.tree
        moment = time.monotonic_ns()
        victim.signal(signal.SIGQUIT)
        victim.wait()
        note_deaths([pid for pid in tree if not alive(pid)])
        return moment

    _end_workers(scene, cold)


def term_while_claiming(scene: Scene) -> None:
    """
    SIGTERM arrives between a claim's UPDATE and its COMMIT.

    To the main process, as from ``docker stop``, or to all of them, as from systemd.
    """
    number = max(2, scene.runs // 2)
    for turn in range(number):
        victim = scene.worker(FAULTS_INJECT="claim:1.0")
        before = len(scene.events("claiming"))
        scene.enqueue(3, 0.2, 0.2)
        scene.wait(lambda before=before: len(scene.events("claiming")) > before, "a claim")
        time.sleep(scene.random.uniform(0.0, 0.9))
        (victim.signal_all if turn % 2 else victim.signal)(signal.SIGTERM)
        scene.injected()
        victim.wait()
    scene.worker()
    scene.end()


# --- frozen ---------------------------------------------------------------------------


def freeze(scene: Scene) -> None:
    """A worker is stopped for longer than its lease, and goes on when its rows have ended."""
    survivor = None
    for _ in range(scene.rounds):
        victim = scene.worker(concurrency=BODIES)
        starts = scene.begin(scene.mixed(BODIES, first=3.0))
        running = scene.freeze(victim)
        moment = time.monotonic_ns()
        scene.injected()
        survivor = survivor or scene.start_worker(concurrency=2)
        if scene.leg.database == "sqlite":
            _let_others_write(scene, victim, starts)
        # A broker may hand the doorbell to the frozen one, time and again.
        scene.recovers(running, moment, timeout=600)
        scene.end()
        before = _snapshot()
        victim.thaw()
        scene.wait(lambda running=running: running <= _settled(scene), "late runs end")
        scene.outcome.late_writes += sum(a != b for a, b in zip(before, _snapshot(), strict=True))
        victim.kill()


def _let_others_write(scene: Scene, victim: Worker, starts: list[Event]) -> None:
    """On SQLite a frozen transaction keeps all others from writing: it must not be in one."""
    atomic = {str(key) for key in _keys(tasks.exact.name)}
    for start in starts:
        if start.row in atomic and alive(start.pid):
            kill_process(start.pid)
    while not _can_write():
        victim.thaw()
        time.sleep(0.05)
        scene.freeze(victim)


def _can_write() -> bool:
    file = sqlite3.connect(connection.settings_dict["NAME"], timeout=1, isolation_level=None)
    try:
        file.execute("BEGIN IMMEDIATE")
        file.execute("ROLLBACK")
    except sqlite3.OperationalError:
        return False
    finally:
        file.close()
    return True


def _keys(name: str) -> list[object]:
    return list(Task.objects.filter(name=name).values_list("pk", flat=True))


def _settled(scene: Scene) -> set[str]:
    """Rows of which some run has gone all its way, or died."""
    dead = {e.pid for e in scene.events("death")}
    gone = {e.row for e in scene.events("start") if e.pid in dead}
    first = {e.row: e.pid for e in reversed(scene.events("start"))}
    ended = {e.row for e in scene.events("postrun") if first.get(e.row) == e.pid}
    return ended | gone


def _snapshot() -> list[object]:
    fields = ("pk", "status", "result", "errors", "attempt", "losses", "ended", "worker")
    return list(Task.objects.order_by("pk").values(*fields))


def freeze_while_settling(scene: Scene) -> None:
    """
    A worker is stopped with its rows locked; another one must not be held up by them.

    Its connection lives, so the lock stays: until it goes on or its connection ends.
    """
    rescuer = scene.worker(concurrency=1, queue=scene.side_queue)
    for _ in range(scene.rounds):
        victim = scene.worker(FAULTS_INJECT="commit:5.0")
        other = scene.worker(FAULTS_INJECT="commit:5.0")  # either may get the row
        (row,) = scene.enqueue(1, body=tasks.exact)
        before = len(scene.events("settling"))
        scene.wait(lambda before=before: len(scene.events("settling")) > before, "settling")
        runner = scene.events("settling")[-1].pid
        if runner not in victim.tree:
            victim, other = other, victim
        victim.freeze()
        scene.injected()
        starts = scene.begin(scene.enqueue(1, 30.0))
        moment = other.kill()
        scene.start_worker()
        scene.recovers([starts[0].row], moment)
        row.refresh_from_db()
        scene.expect(not row.is_queued, "a row was taken from a run whose commit was under way")
        _expect_heartbeat(scene, rescuer)
        victim.thaw()
        scene.end()
        victim.kill()


def _expect_heartbeat(scene: Scene, worker: Worker) -> None:
    alive_now = WorkerRow.objects.filter(pid=worker.pid).first()
    scene.expect(alive_now and alive_now.is_alive, "a keeper hangs on a locked row")
