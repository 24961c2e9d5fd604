"""
The figure "producers": many processes that enqueue on ``boogie://`` at the same time.

A NOTIFY at commit holds a lock that all commits of the server share. So rows are
announced only while a worker waits: here while nobody waits, while workers have
enough to do, and, to see what that spares, while one waits all the time.
"""

import contextlib
import json
import subprocess
from collections.abc import Iterator
from typing import IO, Any

from bench import places
from bench.observer import Observer
from bench.running import reset, working
from bench.systems import System

PRODUCERS = 8

NOBODY, BUSY, ALWAYS = WAITING = ("nobody", "busy workers", "always one")

#: A worker that wants to be told of every row for an hour.
LISTENER = """
    insert into boogie_tasks_worker
        (id, host, pid, queues, concurrency, software, started, seen, steady, listening)
    values ('listener', '', 1, '[]', 1, '{}', now(), now(), now(), now() + interval '1 hour')
"""


def measure(system: System, waiting: str, each: int) -> dict[str, Any]:
    """Return rows a second of all producers, each of which enqueues ``each``."""
    with Observer(places.database(system.name)) as observer:
        reset(observer, system, PRODUCERS * (each + places.WARM))
        observer.run("truncate boogie_tasks_worker")
        if waiting == ALWAYS:
            observer.run(LISTENER)
        try:
            with working(system) if waiting == BUSY else contextlib.nullcontext():
                seconds = _produce(system, each + places.WARM)
        finally:
            observer.run("truncate boogie_tasks_worker")
    return {"each": each, "rate": PRODUCERS * each / seconds}


def _produce(system: System, share: int) -> float:
    """Have all producers begin at one moment; return the seconds of the one that took longest."""
    with contextlib.ExitStack() as stack:
        running = [
            stack.enter_context(_producer(system, n * share + 1, (n + 1) * share))
            for n in range(PRODUCERS)
        ]
        for _, output in running:
            output.readline()  # "ready", or nothing from one that has ended
        for given, _ in running:
            given.write("begin\n")
            given.close()
        return max(float(json.loads(output.read())["seconds"]) for _, output in running)


@contextlib.contextmanager
def _producer(system: System, first: int, last: int) -> Iterator[tuple[IO[str], IO[str]]]:
    """Run a producer for a block; its standard input and output."""
    command = places.python("-m", "bench.client", "together", str(first), str(last))
    with subprocess.Popen(
        command,
        cwd=places.ROOT,
        env=places.child_env(system.name),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield process.stdin, process.stdout
        finally:
            process.kill()
