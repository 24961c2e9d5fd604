"""A program in a process group and a session of its own, and how to end it."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.support import proc

#: Programs run where the packages ``boogie``, ``tests``, ``faults`` and ``bench`` lie.
ROOT = Path(__file__).parent.parent.parent

#: Seconds in which a process that was asked to has to do something.
PATIENCE = 60.0


class Process:
    """One process, its output at the end of a file; its children belong to it."""

    #: Seconds in which it has to do what it was asked to.
    patience = PATIENCE
    #: Seconds that its warm end may take.
    warm = 20.0

    def __init__(
        self, command: Sequence[str], log: Path, env: Mapping[str, str], cwd: Path = ROOT
    ) -> None:
        self.path = log
        self._process = self._begin(command, log, env, cwd)
        self.pid = self._process.pid

    def _begin(
        self, command: Sequence[str], log: Path, env: Mapping[str, str], cwd: Path
    ) -> subprocess.Popen[bytes]:
        with log.open("ab") as output:
            return subprocess.Popen(
                command,
                cwd=cwd,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def log(self) -> str:
        """What it has written so far."""
        return self.path.read_text(errors="replace")

    @property
    def code(self) -> int | None:
        """Its exit status; ``None`` as long as it lives."""
        return self._process.poll()

    @property
    def lives(self) -> bool:
        """Whether it has not ended."""
        return self.code is None

    @property
    def tree(self) -> list[int]:
        """The processes of its group."""
        return proc.members(proc.GROUP, self.pid)

    def check(self) -> None:
        """Raise if it has ended."""
        if not self.lives:
            raise RuntimeError(f"process {self.pid} ended with {self.code}:\n{self.log[-5000:]}")

    def wait(self) -> int:
        """Wait for its end; return its exit status."""
        return self._process.wait(self.patience)

    def ends(self, patience: float | None = None) -> bool:
        """Wait for its end; return whether it came."""
        try:
            self._process.wait(patience or self.patience)
        except subprocess.TimeoutExpired:
            return False
        return True

    # --- signals ----------------------------------------------------------------------

    def signal(self, number: int) -> None:
        """Send a signal to the main process alone."""
        if self.lives:
            self._process.send_signal(number)

    def signal_all(self, number: int) -> None:
        """Send a signal to the whole group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def terminate(self) -> None:
        """Ask for its end; don't wait."""
        self.signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the whole group at once, as a power cut does."""
        self.signal_all(signal.SIGKILL)
        self._process.wait(self.patience)

    def stop(self) -> None:
        """End it warmly, or with force if it hangs; leave nothing of its session behind."""
        family = proc.members(proc.SESSION, self.pid)
        self.terminate()
        self.ends(self.warm)
        self.kill()
        for pid in set(family) & set(proc.members(proc.SESSION, self.pid)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
