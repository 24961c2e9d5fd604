"""
Enqueues, in a process of its own: ``python -m bench.client MODE FIRST LAST [RATE]``.

``single`` one by one; ``together`` too, with others that begin at the same moment; ``bulk``
by the system's interface for many; ``latency`` one at a time, each until its outcome is
seen; ``stream`` so many a second; ``items`` makes what they are about. Prints JSON.
"""

import json
import sys
import time
from typing import Any

import django

django.setup()

from django.db import connection  # noqa: E402

from bench import systems  # noqa: E402
from bench.places import WARM, WARM_LATENCY  # noqa: E402
from bench.work.models import Item  # noqa: E402
from bench.work.tasks import increment  # noqa: E402

PATIENCE = 60.0

system = systems.current()


def single(pks: list[int]) -> dict[str, Any]:
    for pk in pks[:WARM]:
        system.enqueue(increment, pk)
    rest = pks[WARM:]
    start = time.perf_counter()
    for pk in rest:
        system.enqueue(increment, pk)
    return {"rate": len(rest) / (time.perf_counter() - start)}


def together(pks: list[int]) -> dict[str, Any]:
    """Say that all is ready, and begin when a line comes in."""
    for pk in pks[:WARM]:
        system.enqueue(increment, pk)
    print("ready", flush=True)
    sys.stdin.readline()
    start = time.perf_counter()
    for pk in pks[WARM:]:
        system.enqueue(increment, pk)
    return {"seconds": time.perf_counter() - start}


def bulk(pks: list[int]) -> dict[str, Any]:
    system.enqueue(increment, pks[0])
    rest = pks[1:]
    start = time.perf_counter()
    system.enqueue_bulk(increment, rest)
    return {"rate": len(rest) / (time.perf_counter() - start)}


def latency(pks: list[int]) -> dict[str, Any]:
    """Take the milliseconds from before the call until a client sees the outcome."""
    samples = []
    for index, pk in enumerate(pks):
        start = time.perf_counter()
        handle = system.enqueue(increment, pk)
        while not is_done(handle):
            if time.perf_counter() - start > PATIENCE:
                raise SystemExit(f"no outcome of task {pk} after {PATIENCE} s")
            time.sleep(0.0005)
        samples.append((time.perf_counter() - start) * 1000)
        # Of uneven length, so that no worker's interval is always met at the same point.
        time.sleep(0.003 + 0.0037 * (index * 7 % 11))
    return {"samples": samples[WARM_LATENCY:]}


def is_done(handle: Any) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(system.outcome, [handle])
        return cursor.fetchone() is not None


def stream(pks: list[int], rate: str) -> dict[str, Any]:
    """Enqueue at a steady rate, until all are enqueued or somebody ends this process."""
    start = time.perf_counter()
    for index, pk in enumerate(pks):
        wait = start + index / float(rate) - time.perf_counter()
        if wait > 0:
            time.sleep(wait)
        system.enqueue(increment, pk)
    return {"rate": len(pks) / (time.perf_counter() - start)}


def items(pks: list[int]) -> dict[str, Any]:
    """Make the items anew, where the runner has no connection of its own."""
    Item.objects.all().delete()
    made = Item.objects.bulk_create([Item(pk=pk, name=f"item {pk}") for pk in pks])
    return {"made": len(made)}


MODES = {
    "items": items,
    "single": single,
    "together": together,
    "bulk": bulk,
    "latency": latency,
    "stream": stream,
}

if __name__ == "__main__":
    mode, first, last, *options = sys.argv[1:]
    pks = list(range(int(first), int(last) + 1))
    print(json.dumps(MODES[mode](pks, *options)))
