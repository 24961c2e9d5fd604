"""
Enqueues for the figure "limits": ``python -m bench.limited_client MODE FIRST LAST``.

``unique`` one by one, of a unique task and of a plain one in turn; ``referring`` with an instance
as an argument; ``occupied``, ``alone`` and ``paced`` a row about each of many; ``occupy`` takes
the only slot, says "ready", and keeps it until standard input ends. Prints JSON.
"""

import json
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

import django

django.setup()

from bench.places import WARM  # noqa: E402
from bench.work import limited  # noqa: E402
from bench.work.models import Item  # noqa: E402
from bench.work.tasks import increment  # noqa: E402

#: Rows that are enqueued in one go before it is the other task's turn.
TURN = 20


def unique(pks: list[int]) -> dict[str, Any]:
    """Enqueue in short turns, so that whatever else the machine does slows both."""
    items = _items(pks)
    for item in items[:WARM]:
        increment.delayed(item)
        limited.only.delayed(item)
    plain = one_of = 0.0
    for begin in range(WARM, len(items), TURN):
        some = items[begin : begin + TURN]
        plain += _seconds(increment.delayed, some)
        one_of += _seconds(limited.only.delayed, some)
    count = len(items) - WARM
    return {"plain": count / plain, "unique": count / one_of, "ratio": one_of / plain}


def _seconds(enqueue: Callable[[Item], Any], items: Iterable[Item]) -> float:
    start = time.perf_counter()
    for item in items:
        enqueue(item)
    return time.perf_counter() - start


def referring(pks: list[int]) -> dict[str, Any]:
    items = _items(pks)
    for item in items:
        limited.referring.delayed(item, other=items[0])
    return {"made": len(items)}


def each(task: Any) -> Callable[[list[int]], dict[str, Any]]:
    def enqueue(pks: list[int]) -> dict[str, Any]:
        return {"made": task.each(Item.objects.filter(pk__range=(pks[0], pks[-1]))).count()}

    return enqueue


def occupy(pks: list[int]) -> dict[str, Any]:
    limited.occupied.call(_items(pks)[0])
    return {}


def _items(pks: list[int]) -> list[Item]:
    found = Item.objects.in_bulk(pks)
    return [found[pk] for pk in pks]


MODES = {
    "unique": unique,
    "referring": referring,
    "occupied": each(limited.occupied),
    "alone": each(limited.alone),
    "paced": each(limited.paced),
    "occupy": occupy,
}

if __name__ == "__main__":
    mode, first, last = sys.argv[1:]
    print(json.dumps(MODES[mode](list(range(int(first), int(last) + 1)))))
