"""The measured system's processes: its workers, its producers, its database."""

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench import places, servers
from bench.observer import Observer
from bench.systems import System
from tests.support.processes import Process
from tests.support.waiting import wait_until

#: Seconds in which whatever is waited for has to come.
LIMIT = 300.0


class Workers:
    """The workers of one system; ``commands`` are in place of its own."""

    def __init__(
        self, system: System, grown: bool = False, commands: list[list[str]] | None = None
    ) -> None:
        log = places.folder() / f"logs/{system.name}.log"
        environment = places.child_env(system.name, grown)
        commands = system.workers() if commands is None else commands
        self.processes = [Process(command, log, environment) for command in commands]
        self.roots = {process.pid for process in self.processes}

    def check(self) -> None:
        """Raise if a worker has ended."""
        for process in self.processes:
            process.check()

    def wait_for(self, condition: Callable[[], bool], what: str, pause: float = 0.2) -> None:
        """Wait until ``condition()``; raise if a worker ends, or if it takes too long."""

        def checked() -> bool:
            self.check()
            return condition()

        wait_until(checked, LIMIT, pause, what)

    def stop(self) -> None:
        """Ask all for a warm shutdown; then end what is left of them."""
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.stop()


@contextlib.contextmanager
def working(
    system: System, grown: bool = False, commands: list[list[str]] | None = None
) -> Iterator[Workers]:
    """Run the system's workers for a block."""
    workers = Workers(system, grown, commands)
    try:
        yield workers
    finally:
        workers.stop()


def produce(
    system: System,
    mode: str,
    first: int,
    last: int,
    grown: bool = False,
    client: str = "bench.client",
) -> Any:
    """Run a producer to its end; return what it measured."""
    command = places.python("-m", client, mode, str(first), str(last))
    return json.loads(_output(command, places.child_env(system.name, grown)).splitlines()[-1])


@contextlib.contextmanager
def streaming(system: System, first: int, last: int, rate: int) -> Iterator[None]:
    """Have a producer enqueue at a steady rate during a block."""
    command = places.python("-m", "bench.client", "stream", str(first), str(last), str(rate))
    producer = subprocess.Popen(
        command, cwd=places.ROOT, env=places.child_env(system.name), stdout=subprocess.DEVNULL
    )
    try:
        yield
        if producer.poll():
            raise RuntimeError(f"the stream ended with {producer.returncode}")
    finally:
        producer.terminate()
        producer.wait()


def _output(command: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(
        command, cwd=places.ROOT, env=environment, capture_output=True, text=True, timeout=900
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stdout[-1000:]} {done.stderr[-3000:]}")
    return done.stdout


# --- databases ------------------------------------------------------------------------


def prepare(system: System) -> None:
    """Make the database of a system."""
    if not system.on_sqlite:
        with servers.connect("postgres") as pg:
            pg.execute(f"create database {places.database(system.name)}")
        with servers.connect(places.database(system.name)) as pg:
            pg.execute("create extension pg_stat_statements")
    command = places.python(*["-m", "django", "migrate", "-v", "0", "--run-syncdb"])
    _output(command, places.child_env(system.name))


def grow(system: System, rows: int) -> None:
    """Make a second database, with ``rows`` finished rows."""
    source, target = places.database(system.name), places.database(system.name, grown=True)
    with servers.connect("postgres") as pg:
        pg.execute(f"create database {target} template {source}")
    with servers.connect(target) as pg:
        for statement in system.history:
            pg.execute(statement.format(rows=rows))
        pg.execute("vacuum analyze")
        pg.execute("checkpoint")


def reset(observer: Observer, system: System, items: int, grown: bool = False) -> Any:
    """Empty the tables, except a long history, and make the items; return the database's time."""
    tables = ["work_item"] if grown else ["work_item", *system.tables]
    observer.run(
        f"truncate {', '.join(tables)} restart identity cascade",
        "insert into work_item (name, value)"
        f" select 'item ' || g, 0 from generate_series(1, {items}) g",
        "vacuum analyze work_item",
        # Django numbers its savepoints, and each name is an entry: others would be pushed out.
        "select pg_stat_statements_reset()",
    )
    observer.redis.flushall()
    return observer.value("select clock_timestamp()")


def settle(observer: Observer) -> None:
    """Wait until the system's connections are closed; WAL and CPU of theirs is counted then."""
    with contextlib.suppress(TimeoutError):
        wait_until(lambda: not observer.clients(), 10, what="the connections are closed")


def sync_time(folder: Path, writes: int = 60) -> float:
    """Return the median of microseconds that the disk takes to make 8 KiB safe."""
    path = folder / "sync.probe"
    times = []
    with path.open("wb", buffering=0) as file:
        for _ in range(writes):
            start = time.perf_counter()
            file.write(b"x" * 8192)
            os.fdatasync(file.fileno())
            times.append((time.perf_counter() - start) * 1e6)
    path.unlink()
    return sorted(times)[writes // 2]
