"""A whole worker dies."""

import contextlib
import signal
import time
from collections.abc import Callable

from faults.journal import Event
from faults.scene import Scene
from faults.victims import Worker, kill_process, note_deaths
from tests.support.proc import is_alive
from tests.support.waiting import wait_until

#: Bodies that the victim runs; its successor has to run them again.
BODIES = 4


def _end_workers(scene: Scene, how: Callable[[Worker], int]) -> None:
    """Have a worker run bodies, end it; the worker that starts then has to rescue them."""
    scene.judge()
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
    scene.expect(all(is_alive(e.pid) for e in starts), "a child died by itself")


def kill_worker(scene: Scene) -> None:
    """The main process and its children die at once."""
    _end_workers(scene, Worker.kill)


def kill_neighbour(scene: Scene) -> None:
    """The same, beside a worker that sees its process, and has room for what it ran."""
    for _ in range(scene.rounds):
        victim = scene.worker(concurrency=2 * BODIES, FAULTS_ALONE="")
        starts = scene.begin(scene.enqueue(2 * BODIES, 60.0, 0.05))
        scene.worker(concurrency=2 * BODIES, FAULTS_ALONE="")
        time.sleep(scene.random.uniform(6.0, 8.0))  # by then it has been seen
        _keep_running(scene, starts)
        running = [e.row for e in scene.still_going(starts) if e.pid in victim.tree]
        moment = victim.kill()
        scene.injected()
        scene.expect(running, "the victim ran nothing")
        scene.recovers(running, moment)
        scene.end()
        scene.stop_workers()


def kill_main(scene: Scene) -> None:
    """The main process dies; what becomes of its children is part of the question."""
    _end_workers(scene, _kill_main)


def _kill_main(victim: Worker) -> int:
    tree = victim.tree
    moment = kill_process(victim.pid)
    with contextlib.suppress(TimeoutError):
        wait_until(lambda: not any(map(is_alive, tree)), 2, pause=0.01)
    note_deaths([pid for pid in tree if pid != victim.pid and not is_alive(pid)])
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
        note_deaths([pid for pid in tree if not is_alive(pid)])
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
