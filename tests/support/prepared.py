"""
Celery workers that are forked of a process which has imported Celery and Django before.

Importing takes most of a worker's start, and most of the time that the suite takes. What is forked
goes on with the same program, ``celery`` with its options, in a session of its own. The workers of
the documentation, the demo, the faults and ``tests/house`` are started as users start theirs.
"""

import atexit
import functools
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.support.prepared_process import MOST
from tests.support.prepared_process import __name__ as program

ROOT = Path(__file__).parent.parent.parent

#: What differs between workers of the tests, and is read by no module before the fork.
OURS = (
    *("BOOGIE_", "BROKER", "DATABASE", "DJANGO_SETTINGS_MODULE", "OTHER_DATABASE_NAME"),
    "PYTEST_",
)

#: With which the process begins that forks.
ENVIRONMENT = dict(os.environ)

#: Pools that have to change Python before anything else is imported.
GREENLETS = ("gevent", "eventlet")


def can_fork(command: Sequence[str], env: Mapping[str, str]) -> bool:
    """Return whether a worker that is forked would be like one that is started so."""
    own_python = list(command[:3]) != [sys.executable, "-m", "celery"]
    is_counted = any(name.startswith("COVERAGE_") for name in env)
    if own_python or is_counted or sys.platform != "linux" or set(GREENLETS) & set(command):
        return False
    changed = {name for name, _ in set(env.items()) ^ set(ENVIRONMENT.items())}
    return all(name.startswith(OURS) for name in changed)


def fork(command: Sequence[str], log: Path, env: Mapping[str, str]) -> "Forked":
    """Fork a worker; its output goes to the end of ``log``."""
    return _source().fork({"options": command[3:], "log": str(log), "env": dict(env)})


@functools.cache
def _source() -> "_Source":
    source = _Source()
    atexit.register(source.close)
    return source


class _Source:
    """The process that forks, and what it has told."""

    def __init__(self) -> None:
        self._line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            number = theirs.fileno()
            command = [sys.executable, "-m", program, str(number)]
            self._process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=ENVIRONMENT,
                pass_fds=[number],
                stdin=subprocess.DEVNULL,
            )
        self._codes: dict[int, int] = {}

    def fork(self, worker: Mapping[str, object]) -> "Forked":
        self._line.send(json.dumps(worker).encode())
        while (told := self._read()).get("forked") is None:
            self._note(told)
        # An id may come again.
        self._codes.pop(told["forked"], None)
        return Forked(told["forked"], self)

    def code(self, pid: int, timeout: float = 0) -> int | None:
        """Wait for the end of a process at most so long; return its code, if it has one."""
        end = time.monotonic() + timeout
        while pid not in self._codes:
            left = max(end - time.monotonic(), 0)
            if not select.select([self._line], [], [], left)[0]:
                return None
            self._note(self._read())
        return self._codes[pid]

    def close(self) -> None:
        self._line.close()
        self._process.wait()

    def _note(self, told: dict[str, int]) -> None:
        self._codes[told["ended"]] = told["code"]

    def _read(self) -> dict[str, int]:
        message = self._line.recv(MOST)
        if not message:
            raise RuntimeError(f"{program} has ended with {self._process.wait()}")
        return json.loads(message)


class Forked:
    """A forked process, with what :class:`subprocess.Popen` has of it."""

    def __init__(self, pid: int, source: _Source) -> None:
        self.pid = pid
        self._source = source
        self._code: int | None = None

    def poll(self) -> int | None:
        """Return its exit status; ``None`` as long as it lives."""
        return self._until(0)

    def wait(self, timeout: float) -> int:
        """Wait for its end; return its exit status."""
        code = self._until(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(f"the forked process {self.pid}", timeout)
        return code

    def send_signal(self, number: int) -> None:
        """Send a signal, if it has not ended."""
        if self.poll() is None:
            os.kill(self.pid, signal.Signals(number))

    def _until(self, timeout: float) -> int | None:
        if self._code is None:
            self._code = self._source.code(self.pid, timeout)
        return self._code
