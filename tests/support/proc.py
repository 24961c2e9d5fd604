"""What ``/proc`` tells of processes."""

import os
from pathlib import Path

#: Where the fields that :func:`stat` returns are: it leaves out the id and the name.
STATE, PARENT, GROUP, SESSION = 0, 1, 2, 3


def pids() -> list[int]:
    """Return the ids of all processes."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def stat(pid: int) -> list[str]:
    """Return the fields of a process from its state on; empty for one that is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return []
    return text.rpartition(")")[2].split()


def is_alive(pid: int) -> bool:
    """Return whether a process exists and is more than a zombie."""
    return stat(pid)[:1] not in ([], ["Z"], ["X"])


def members(field: int, number: int) -> list[int]:
    """Return the processes whose ``GROUP`` or ``SESSION`` is ``number``."""
    found = []
    for pid in pids():
        fields = stat(pid)
        if fields and int(fields[field]) == number:
            found.append(pid)
    return found
