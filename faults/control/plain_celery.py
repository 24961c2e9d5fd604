"""The faults, and where plain Celery says that it fails."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from faults import journal
from faults.evidence import figures
from faults.victims import Worker, kill_process
from tests.support.servers.redis_server import RedisServer
from tests.support.waiting import wait_until

RUNS = 3
#: Seconds after which work that was not done counts as lost: no part of it waits for longer.
LOST_AFTER = 20.0


class Control:
    """One fault."""

    def __init__(self, redis: RedisServer, directory: Path, name: str) -> None:
        self.redis = redis
        self.directory = directory
        self.name = name
        self.path = directory / f"{name}.journal"
        self.workers: list[Worker] = []
        os.environ[journal.VARIABLE] = str(self.path)
        redis.flush()

    def worker(self, concurrency: int = 1) -> Worker:
        number = len(self.workers)
        log = self.directory / f"{self.name}-{number}.log"
        options = ("-c", str(concurrency), "-n", f"{self.name}{number}@%h")
        one = Worker(log, dict(os.environ), *options, app="faults.control.project")
        self.workers.append(one)
        return one.until_ready()

    def starts(self, *keys: str) -> list[journal.Event]:
        events = journal.read(self.path)
        return [e for e in events if e.kind == "start" and (not keys or e.row in keys)]

    def begin(self, *keys: str) -> list[journal.Event]:
        wait_until(lambda: {e.row for e in self.starts()} >= set(keys), what="bodies begin")
        return self.starts(*keys)

    def undone(self, keys: list[str]) -> list[str]:
        """Wait; return the tasks of which no body came to its end."""
        time.sleep(LOST_AFTER)
        ended = {e.row for e in journal.read(self.path) if e.kind == "end"}
        return [key for key in keys if key not in ended]

    def doubled(self) -> int:
        return len(figures.overlaps(figures.runs(journal.read(self.path))))

    def close(self) -> None:
        for one in self.workers:
            one.kill()


def _status(key: str) -> str:
    from faults.control.project import app

    return str(app.AsyncResult(key).status)


def kill_child(control: Control) -> tuple[int, str]:
    """The message was acknowledged when the body began: nobody runs it again."""
    from faults.control.project import early

    control.worker(concurrency=RUNS)
    keys = [early.delay(60).id for _ in range(RUNS)]
    for start in control.begin(*keys):
        kill_process(start.pid)
    lost = control.undone(keys)
    return len(lost), f"{len(lost)} lost, recorded as {_statuses(lost)}"


def kill_worker(control: Control) -> tuple[int, str]:
    """Nobody is left who could say that it died."""
    from faults.control.project import early

    victim = control.worker(concurrency=RUNS)
    keys = [early.delay(60).id for _ in range(RUNS)]
    control.begin(*keys)
    victim.kill()
    control.worker(concurrency=RUNS)
    lost = control.undone(keys)
    return len(lost), f"{len(lost)} lost, recorded as {_statuses(lost)} for ever"


def visibility(control: Control) -> tuple[int, str]:
    """A body that is longer than Redis' visibility timeout is given to another worker as well."""
    from faults.control.project import late

    control.worker(concurrency=RUNS)
    control.worker(concurrency=RUNS)
    keys = [late.delay(150).id for _ in range(RUNS)]
    control.begin(*keys)
    # Unless kombu can be told otherwise, it looks every 100 seconds.
    twice = _seen(lambda: control.doubled() >= RUNS, 140)
    return control.doubled() if twice else 0, f"{control.doubled()} overlapping pairs of runs"


def flush(control: Control) -> tuple[int, str]:
    """What only the broker knew is gone."""
    from faults.control.project import early

    keys = [early.delay(0).id for _ in range(RUNS)]
    control.redis.flush()
    control.worker()
    lost = control.undone(keys)
    return len(lost), f"{len(lost)} lost, recorded as {_statuses(lost)}"


def duplicate(control: Control) -> tuple[int, str]:
    """A message that is delivered twice is work that is done twice."""
    from faults.control.project import early

    control.worker(concurrency=2)
    for number in range(RUNS):
        for _ in range(2):
            early.apply_async([1.0], task_id=f"duplicate-{number}")
    _seen(lambda: len(control.starts()) >= 2 * RUNS, 30)
    again = len(control.starts()) - RUNS
    return max(0, again), f"{again} of {RUNS} done a second time"


def _statuses(keys: list[str]) -> str:
    return ", ".join(sorted({_status(key) for key in keys})) or "nothing"


def _seen(condition: Callable[[], Any], patience: float) -> bool:
    try:
        wait_until(condition, patience, pause=0.02)
    except TimeoutError:
        return False
    return True


CONTROLS = {
    "kill_child": (kill_child, "``kill -9`` of a child"),
    "kill_worker": (kill_worker, "``kill -9`` of a whole worker"),
    "visibility": (visibility, "body longer than the visibility timeout, ``acks_late``"),
    "flush": (flush, "broker flushed"),
    "duplicate": (duplicate, "message delivered twice"),
}
