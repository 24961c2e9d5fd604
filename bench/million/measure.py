"""
How long each read takes, and how the database reads.
"""

import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import TextIO

from tests.support.plans import plan_of

from . import reads

TIMES = 5


def measure(out: TextIO) -> None:
    """Write the median of five times, in milliseconds, of every read, and how it is planned."""
    sample = reads.sample()
    for name, read in reads.all_reads(sample):
        out.write(f"{took(partial(_all_of, read)):9.1f} ms  {name:60} {plan_of(read()).brief}\n")
        out.flush()
    for name, look in reads.looks(sample):
        out.write(f"{took(look):9.1f} ms  {name}\n")
        out.flush()


def _all_of(read: Callable[[], reads.Rows]) -> list[object]:
    return list(read())


def took(read: Callable[[], object]) -> float:
    """Return the median of milliseconds that a read takes, once it is warm."""
    times = []
    for _ in range(TIMES + 1):
        start = time.perf_counter()
        read()
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times[1:])
