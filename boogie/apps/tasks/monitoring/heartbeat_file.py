"""
A file by which a worker says that it lives, to whoever asks on the same machine.

No database is asked, neither by who writes nor by who reads: an outage is no reason to start
workers anew. No model is imported.
"""

import os
import stat
import time
from contextlib import suppress
from pathlib import Path

from boogie.apps.tasks.conf import conf


def path_of(pattern: str, hostname: str) -> Path:
    """Return the file of the worker ``hostname``; ``%n``, ``%h``, … are as in Celery."""
    from celery.utils.nodenames import node_format  # the pacemaker needs nothing of Celery

    return Path(node_format(pattern, hostname))


def touch(path: Path, pid: int) -> None:
    """Say that the process ``pid`` lives. Raise ``OSError`` if the file cannot be written."""
    try:
        os.utime(path)
    except FileNotFoundError:
        path.write_text(f"{pid}\n")


def claim(path: Path, pid: int) -> None:
    """Make the file that of the process ``pid``, whosever it was."""
    path.write_text(f"{pid}\n")


def remove(path: Path, pid: int) -> None:
    """Take the file away, unless another worker has it by now."""
    with suppress(OSError):
        if path.read_text().strip() == str(pid):
            path.unlink()


def problem(path: Path) -> str | None:
    """Return in words why the worker of this file does not seem to live; ``None`` if it does."""
    try:
        found = path.stat()
    except OSError as error:
        return f"there is no heartbeat file {str(path)!r} ({error.strerror}): no worker lives here"
    if not stat.S_ISREG(found.st_mode):
        return f"{str(path)!r} is no file, but a {_kind(found.st_mode)}: no worker writes it"
    # Clocks are set: a time that has not come yet is no sign of life either.
    age = abs(time.time() - found.st_mtime)
    if age > conf.WORKER_TIMEOUT:
        return (
            f"the heartbeat file {str(path)!r} was written {age:.0f} s ago, longer than "
            f"WORKER_TIMEOUT ({conf.WORKER_TIMEOUT:g} s): the worker hangs, or has died"
        )
    return None


def _kind(mode: int) -> str:
    return "directory" if stat.S_ISDIR(mode) else "device, a pipe or a socket"
