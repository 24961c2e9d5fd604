"""
Stock workers, each in a process group of its own, and how to hurt them.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from faults import journal
from faults.servers import wait_for

ROOT = Path(__file__).parent.parent

#: Seconds in which a process that was asked to has to do something.
PATIENCE = 90.0


class Worker:
    """One ``celery worker`` with prefork children; its output is in a file."""

    def __init__(self, log: Path, env: dict[str, str], *options: str, wrapper: tuple = ()) -> None:
        self.log = log
        command = [
            *(*wrapper, sys.executable, "-m", "celery", *options),
            *("-l", "INFO", "-P", "prefork", "--without-mingle", "--without-gossip"),
        ]
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.pid = self._process.pid
        self.is_frozen = False

    def until_ready(self) -> "Worker":
        wait_for(self._is_ready, f"the worker of {self.log} is ready", PATIENCE)
        return self

    def _is_ready(self) -> bool:
        code = self._process.poll()
        if code is not None:
            raise RuntimeError(f"the worker ended with {code}:\n{self.text[-5000:]}")
        return " ready." in self.text

    @property
    def text(self) -> str:
        return self.log.read_text(errors="replace")

    @property
    def lives(self) -> bool:
        return self._process.poll() is None

    @property
    def tree(self) -> list[int]:
        """The pids of its process group."""
        return [pid for pid in _all_pids() if _group(pid) == self.pid]

    # --- hurting ----------------------------------------------------------------------

    def signal(self, number: int) -> None:
        """Send a signal to the main process alone."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def signal_all(self, number: int) -> None:
        """Send a signal to the whole tree."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def kill(self) -> int:
        """End the whole tree at once, as a power cut does; return when, in ns."""
        tree = self.tree
        self.signal_all(signal.SIGKILL)
        self._process.wait(PATIENCE)
        return note_deaths(tree)

    def freeze(self) -> None:
        self.is_frozen = True
        self.signal_all(signal.SIGSTOP)

    def thaw(self) -> None:
        self.is_frozen = False
        self.signal_all(signal.SIGCONT)

    def wait(self, patience: float = PATIENCE) -> int:
        """Wait for its end."""
        tree = self.tree
        code = self._process.wait(patience)
        note_deaths([pid for pid in tree if not alive(pid)])
        return code

    def ends(self) -> bool:
        """Return whether it ends by itself."""
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            return False
        return True

    def stop(self) -> None:
        """End it warmly, by force if that takes too long; leave no child behind."""
        self.signal(signal.SIGTERM)
        self.ends()
        self.kill()


def kill_process(pid: int) -> int:
    """Kill one process; return when it was seen dead, in ns."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    return note_deaths([pid])


def note_deaths(pids: list[int]) -> int:
    """Wait for the end of processes that were killed and note it; return when, in ns."""
    now = time.monotonic_ns()
    for pid in pids:
        wait_for(lambda pid=pid: not alive(pid), f"process {pid} dies", PATIENCE)
        now = journal.note("death", pid=pid)
    return now


def alive(pid: int) -> bool:
    """Return whether a process exists and is more than a zombie."""
    return _stat(pid)[:1] not in ([], ["Z"], ["X"])


def _group(pid: int) -> int:
    fields = _stat(pid)
    return int(fields[2]) if len(fields) > 2 else 0


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat from the state on; empty for one that is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return text.rpartition(")")[2].split()


def _all_pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
