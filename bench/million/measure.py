"""
How long each read takes, and how the database reads.
"""

import statistics
import time
from typing import TextIO

from tests.support.plans import plan_of

from . import reads

TIMES = 5


def measure(out: TextIO, only: str = "") -> dict[str, float]:
    """Write the median of five times, in milliseconds, of every read whose name has ``only``."""
    found = {}
    sample = reads.sample()
    for name, read in reads.all_reads(sample):
        if only in name:
            found[name] = took(read)
            out.write(f"{found[name]:9.1f} ms  {name:60} {plan_of(read()).brief}\n")
            out.flush()
    return found


def took(read: reads.Callable[[], reads.Rows]) -> float:
    """Return the median of milliseconds that a read takes, once it is warm."""
    times = []
    for _ in range(TIMES + 1):
        start = time.perf_counter()
        list(read())
        times.append((time.perf_counter() - start) * 1000)
        if times[-1] > 2000 and len(times) > 1:  # slow enough: nobody has to wait for more
            break
    return statistics.median(times[1:] or times)
