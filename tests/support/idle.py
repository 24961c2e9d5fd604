"""A process that does nothing, to be looked at and killed."""

import subprocess
import sys
from contextlib import contextmanager


@contextmanager
def idle_process():
    """Have one until the end of a block; it waits until its standard input ends."""
    command = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as one:
        yield one
        one.kill()
