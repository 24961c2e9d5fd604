"""
An idle fleet: what so many workers ask of the database while there is nothing to do.
"""

import time
from typing import TextIO

from bench import usage
from bench.fleet import members, processes, stage, statements, work


def measure(out: TextIO, workers: int, seconds: float, warm: float, limits: bool) -> None:
    """Write the statements a second of all, and of each kind, most first."""
    if limits:
        work.declare_limits()
    with members.living(workers):
        time.sleep(warm)
        workers_alone = {process.pid for process in processes.forking.active_children()}
        before, begun = statements.counted(), time.monotonic()
        worked = usage.tree_cpu(workers_alone)
        time.sleep(seconds)
        asked, took = statements.counted() - before, time.monotonic() - begun
        worked = usage.tree_cpu(workers_alone) - worked
        place, connected = stage.where(), statements.sessions()
    out.write(f"{workers} idle workers for {took:.0f} s, {warm:.0f} s after they began: {place}\n")
    out.write(f"{asked.total() / took:10.2f}  statements a second in all\n")
    out.write(f"{asked.total() / took / workers:10.3f}  of each worker\n")
    out.write(f"{connected:10}  connections, {connected / workers:.1f} of each worker\n")
    out.write(f"{worked / took / workers:10.2%}  of a processor for each worker\n")
    for kind, calls in asked.most_common():
        out.write(f"{calls / took:10.2f}  {kind}\n")
