"""The stock Celery worker of the demo, as a process of its own."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from demo.terminal import Stopped, say

ROOT = Path(__file__).parent.parent

#: Boogie ships with a Celery app for projects that have none; ours is configured in settings.py.
#: The name is there for a shared broker: RabbitMQ refuses a second worker of the same name.
COMMAND = f"celery -A boogie.apps.tasks worker --loglevel INFO --hostname demo-{os.getpid()}@%h"

#: Seconds that a worker has to end the tasks that it has begun. A busy one that is told to end can
#: take half a minute: Celery's children may wait for somebody to read a result that nobody wants.
PATIENCE = 10
#: Lines of its log that say what killed a worker.
TAIL = 20


class Worker:
    """A running worker and its log."""

    def __init__(self, log: Path) -> None:
        self.log = log
        with log.open("wb") as output:
            # In a group of its own: Ctrl-C reaches us alone, and we end it in order.
            self._process = subprocess.Popen(
                [sys.executable, "-m", *COMMAND.split()],
                cwd=ROOT,
                env={**os.environ, "DJANGO_SETTINGS_MODULE": "demo.settings"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                process_group=0,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def check(self) -> None:
        """Raise :class:`Stopped` if the worker has died."""
        status = self._process.poll()
        if status is not None:
            raise Stopped(f"The worker died ({_ending(status)}).\n{self.tail()}")

    def tail(self) -> str:
        """Return the end of the log, and where the rest is."""
        lines = self.log.read_text(errors="replace").splitlines()[-TAIL:]
        return "\n".join([f"The end of its log, {self.log}:", *(f"  {line}" for line in lines)])

    def stop(self) -> None:
        """End the worker: it finishes what it runs, and gives the rest back."""
        self._process.terminate()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            say(f"The worker has not ended within {PATIENCE} seconds; it is killed.")
        finally:  # a second Ctrl-C comes here too
            if self._process.poll() is None:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()


def _ending(status: int) -> str:
    return f"by {signal.Signals(-status).name}" if status < 0 else f"with status {status}"


@contextmanager
def running_worker(log: Path) -> Iterator[Worker]:
    """Start a worker; end it however the block ends."""
    worker = Worker(log)
    try:
        yield worker
    finally:
        worker.stop()
