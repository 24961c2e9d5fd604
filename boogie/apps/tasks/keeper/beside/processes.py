"""
What Linux tells of processes. Elsewhere nothing is known, and nobody is taken for gone.
"""

import functools
import os
import socket
from pathlib import Path

PROC = Path("/proc")

#: States of a process that runs no more, whether or not somebody has taken note of its end.
ENDED = ("Z", "X")


@functools.cache
def place() -> str:
    """
    Return where processes see each other: one life of a host, and one namespace of process ids.

    A container has one of its own, unless it was told otherwise. With the name of the host: copies
    of a machine that was running have all else in common. Empty where that is not known, and where
    ``/proc`` tells of another namespace's processes.
    """
    try:
        boot = (PROC / "sys/kernel/random/boot_id").read_text().strip()
        namespace = (PROC / "self/ns/pid").stat().st_ino
        own = os.readlink(PROC / "self")
    except OSError:
        return ""
    is_ours = own == str(os.getpid()) and _state_of(os.getpid()) is not None
    return f"{boot}/{namespace}/{socket.gethostname()[:100]}" if is_ours else ""


def born(pid: int) -> int:
    """Return when a process began, in ticks since the host did; 0 where that is not known."""
    found = _state_of(pid)
    return found[1] if found is not None else 0


def is_gone(pid: int, begun: int = 0) -> bool:
    """
    Return whether there is no process ``pid`` any more; ``begun``: no other one counts as that.

    One of which nothing is told, as where ``/proc`` is mounted with ``hidepid``, is there.
    """
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        pass
    found = _state_of(pid)
    if found is None:
        return False
    state, began = found
    return state in ENDED or bool(begun and began != begun)


def _state_of(pid: int) -> tuple[str, int] | None:
    """Return the state of a process and when it began; ``None``: nobody tells."""
    try:
        text = (PROC / str(pid) / "stat").read_bytes().decode(errors="replace")
    except OSError:
        return None
    # Its name is in brackets, and may have any characters.
    fields = text.rpartition(")")[2].split()
    return fields[0], int(fields[19])
