"""
Workers that may be hurt, and processes that are killed: each death is noted in the journal.
"""

import contextlib
import os
import signal
import time
from collections.abc import Iterator

from faults import journal
from tests.support.celery_worker import CeleryWorker
from tests.support.proc import is_alive
from tests.support.waiting import wait_until

#: Seconds in which a process that was asked to has to do something.
PATIENCE = 90.0


class Worker(CeleryWorker):
    """One worker, the whole of it: its main process and its children."""

    patience = warm = PATIENCE
    is_frozen = False

    def freeze(self) -> None:
        """Stop the whole of it, until it is thawed."""
        self.is_frozen = True
        self.signal_all(signal.SIGSTOP)

    def thaw(self) -> None:
        """Have it go on, as if nothing had been."""
        self.is_frozen = False
        self.signal_all(signal.SIGCONT)

    def kill(self) -> int:
        """End the whole of it at once, as a power cut does; return when, in ns."""
        tree = self.tree
        with _killing(tree):
            super().kill()
        return note_deaths(tree)

    def wait(self) -> int:
        """Wait for its end; return its exit status."""
        tree = self.tree
        code = super().wait()
        note_deaths([pid for pid in tree if not is_alive(pid)])
        return code


def kill_process(pid: int) -> int:
    """Kill one process; return when it was seen dead, in ns."""
    with _killing([pid]), contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    return note_deaths([pid])


@contextlib.contextmanager
def _killing(pids: list[int]) -> Iterator[None]:
    """
    Note deaths at the time of what is done within, which kills.

    On a busy machine their rescue may begin long before this process sees them dead.
    """
    before = time.monotonic_ns()
    yield
    for pid in pids:
        journal.note("death", pid=pid, ns=before)


def note_deaths(pids: list[int]) -> int:
    """Wait for the end of processes that were killed and note it; return when, in ns."""
    now = time.monotonic_ns()
    for pid in pids:
        wait_until(
            lambda pid=pid: not is_alive(pid), PATIENCE, pause=0.02, what=f"process {pid} dies"
        )
        now = journal.note("death", pid=pid)
    return now
