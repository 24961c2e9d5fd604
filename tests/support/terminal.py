"""A program on a terminal of its own: what it writes there, and keys that are pressed."""

import contextlib
import fcntl
import os
import pty
import struct
import subprocess
import termios
import threading
from collections.abc import Iterator, Mapping, Sequence

from tests.support.processes import PATIENCE, ROOT

CTRL_C = b"\x03"


class Terminal:
    """A program whose input and output is a terminal of so many columns and lines."""

    def __init__(
        self, command: Sequence[str], env: Mapping[str, str], columns: int, lines: int
    ) -> None:
        self._mine, its = pty.openpty()
        fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self._written = b""
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=env, stdin=its, stdout=its, stderr=its, preexec_fn=_own_terminal
        )
        os.close(its)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        with contextlib.suppress(OSError):  # the other end is closed
            while data := os.read(self._mine, 65536):
                self._written += data

    @property
    def text(self) -> str:
        """All that it has written."""
        return self._written.decode(errors="replace")

    def press(self, key: bytes) -> None:
        """Press a key; Ctrl-C is a signal to the program."""
        os.write(self._mine, key)

    def wait(self) -> int:
        """Wait for its end; return its exit status."""
        code = self._process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return code

    def close(self) -> None:
        """End it, if it lives."""
        self._process.kill()
        self.wait()
        os.close(self._mine)


def _own_terminal() -> None:
    """Be the program of a new session, whose terminal is that on standard input."""
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@contextlib.contextmanager
def on_a_terminal(
    command: Sequence[str], env: Mapping[str, str], columns: int = 120, lines: int = 50
) -> Iterator[Terminal]:
    """Run a program on a terminal for a block."""
    terminal = Terminal(command, env, columns, lines)
    try:
        yield terminal
    finally:
        terminal.close()
