"""A worker that does not notice that it was given up for dead."""

import sqlite3
import time
from collections.abc import Iterator

from django.db import connection

from boogie.apps.tasks import Task
from faults.evidence import figures
from faults.journal import Event
from faults.kinds.dying_workers import BODIES
from faults.lab import tasks
from faults.scene import Scene
from faults.victims import Worker, kill_process
from tests.support.proc import is_alive


def freeze(scene: Scene) -> None:
    """A worker is stopped for longer than its lease, and goes on when its rows have ended."""
    for victim in _given_up(scene, later=0.05):
        scene.end()
        before = _snapshot()
        _thaw(scene, victim)
        scene.outcome.late_writes += sum(a != b for a, b in zip(before, _snapshot(), strict=True))
        victim.kill()


def thaw_early(scene: Scene) -> None:
    """The same, but it goes on while its rows run again: only the attempt tells the two apart."""
    for victim in _given_up(scene, later=8.0):
        _thaw(scene, victim)
        scene.end()
        victim.kill()


def _given_up(scene: Scene, later: float) -> Iterator[Worker]:
    """Yield frozen workers whose rows run again, or have run, on another that was started."""
    scene.judge()
    survivor = None
    for _ in range(scene.rounds):
        victim = scene.worker(concurrency=BODIES)
        starts = scene.begin(scene.mixed(BODIES, first=3.0, later=later))
        running = scene.freeze(victim)
        moment = time.monotonic_ns()
        scene.injected()
        survivor = survivor or scene.start_worker(concurrency=BODIES)
        if scene.leg.database == "sqlite":
            _let_others_write(scene, victim, starts)
        scene.recovers(running, moment)
        yield victim


def _thaw(scene: Scene, victim: Worker) -> None:
    """Let a worker go on until its late runs have settled, or tried to."""
    late = {run.row for run in figures.runs(scene.events()) if run.pid in victim.tree}
    victim.thaw()
    scene.wait(lambda: late <= _settled(scene), "late runs end")


def _let_others_write(scene: Scene, victim: Worker, starts: list[Event]) -> None:
    """On SQLite a frozen transaction keeps all others from writing: it must not be in one."""
    atomic = {str(key) for key in _keys(tasks.exact.name)}
    for start in starts:
        if start.row in atomic and is_alive(start.pid):
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
        survivor = scene.start_worker()
        scene.recovers([starts[0].row], moment)
        row.refresh_from_db()
        scene.expect(not row.is_queued, "a row was taken from a run whose commit was under way")
        scene.keeps(rescuer)
        victim.thaw()
        scene.end()
        victim.kill()
        survivor.kill()  # the next row has to go to a worker in which the fault is set
