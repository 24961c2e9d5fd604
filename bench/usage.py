"""What ``/proc`` tells: CPU time and memory of process trees, and of the whole machine."""

import os
from typing import NamedTuple

from tests.support import proc

TICK = os.sysconf("SC_CLK_TCK")


class Process(NamedTuple):
    """One line of the table; seconds of CPU."""

    parent: int
    session: int
    own: float
    with_reaped: float


def table() -> dict[int, Process]:
    """Return all processes by their id."""
    found = {}
    for pid in proc.pids():
        fields = proc.stat(pid)
        if not fields:
            continue
        user, system, reaped_user, reaped_system = (int(x) / TICK for x in fields[11:15])
        parent, session = int(fields[proc.PARENT]), int(fields[proc.SESSION])
        own = user + system
        found[pid] = Process(parent, session, own, own + reaped_user + reaped_system)
    return found


def tree(roots: set[int], processes: dict[int, Process]) -> set[int]:
    """Return the processes that descend from ``roots`` or are in their sessions."""
    inside = {pid for pid, one in processes.items() if pid in roots or one.session in roots}
    while True:
        more = {pid for pid, one in processes.items() if one.parent in inside} - inside
        if not more:
            return inside
        inside |= more


def tree_cpu(roots: set[int]) -> float:
    """Return the CPU seconds of trees, those of ended children included."""
    processes = table()
    return sum(processes[pid].with_reaped for pid in tree(roots, processes))


def tree_memory(roots: set[int]) -> tuple[float, float]:
    """Return MiB: RSS (a shared page counts in each process) and PSS (it counts once in all)."""
    sums = {"Rss:": 0, "Pss:": 0}
    for pid in tree(roots, table()):
        try:
            with open(f"/proc/{pid}/smaps_rollup") as file:
                lines = [line.split() for line in file]
        except OSError:
            continue
        for fields in lines:
            if fields[0] in sums:
                sums[fields[0]] += int(fields[1])
    return sums["Rss:"] / 1024, sums["Pss:"] / 1024


def busy() -> float:
    """Return the CPU seconds that the whole machine has worked since it started."""
    with open("/proc/stat") as file:
        fields = [int(x) for x in file.readline().split()[1:]]
    idle, waiting = fields[3], fields[4]
    return (sum(fields[:8]) - idle - waiting) / TICK
