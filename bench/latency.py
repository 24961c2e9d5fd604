"""
The figures "latency" and "idle": one task at a time, from the call until a client sees the outcome.

First with workers that have nothing else to do, then beside a steady stream of
tasks; before both, what workers cost that do nothing at all.
"""

import statistics
import time
from typing import Any

from bench import places, usage
from bench.observer import STATEMENTS, Observer
from bench.places import WARM_LATENCY
from bench.running import Workers, produce, reset, streaming, working
from bench.systems import System
from tests.support.waiting import wait_until

#: Tasks a second beside those that are measured: about half of what the slowest system can do.
STREAM = 40
#: More than a stream enqueues while it is needed.
STREAMED = 20_000
#: Seconds after which a started worker is taken for idle, and for which it is watched.
START, WATCH = 6.0, 10.0


def measure(system: System, share: float = 1.0) -> dict[str, Any]:
    """Return the record of one round; ``share`` of the usual samples."""
    count = max(10, int(system.samples * share)) + WARM_LATENCY
    if system.on_sqlite:
        produce(system, "items", 1, count)
        with working(system) as workers:
            _await_start(workers)
            return {"alone": _latency(system, 1, count)}
    with Observer(places.database(system.name)) as observer:
        reset(observer, system, 2 * count + STREAMED)
        with working(system) as workers:
            _await_start(workers)
            result = {"idle": idle(observer, workers, WATCH * max(share, 0.3))}
            result["alone"] = _latency(system, 1, count)
            with streaming(system, 2 * count + 1, 2 * count + STREAMED, STREAM):
                _await_stream(observer, 2 * count)
                result["loaded"] = _latency(system, count + 1, 2 * count)
    return result


def _await_start(workers: Workers) -> None:
    time.sleep(START)
    workers.check()


def _await_stream(observer: Observer, after: int) -> None:
    """Wait until tasks of the stream come out at the other end."""
    sql = "select count(*) from work_item where id > %s and value > 0"
    wait_until(
        lambda: observer.value(sql, [after]) >= STREAM, 60, pause=0.1, what="the stream flows"
    )


def _latency(system: System, first: int, last: int) -> dict[str, float]:
    samples = sorted(produce(system, "latency", first, last)["samples"])
    return {
        "n": len(samples),
        "p50": statistics.median(samples),
        "p99": samples[min(len(samples) - 1, int(0.99 * len(samples)))],
        "max": samples[-1],
    }


def idle(observer: Observer, workers: Workers, seconds: float) -> dict[str, float]:
    """Return what workers without work cost: statements a second, and their share of a core."""
    role = [places.SYSTEM_ROLE]
    statements, cpu = observer.value(STATEMENTS, role), usage.tree_cpu(workers.roots)
    start = time.monotonic()
    time.sleep(seconds)
    spent = time.monotonic() - start
    return {
        "statements": (observer.value(STATEMENTS, role) - statements) / spent,
        "core": (usage.tree_cpu(workers.roots) - cpu) / spent,
    }
