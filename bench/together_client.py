"""
Enqueues for the figure "together": ``python -m bench.together_client MODE FIRST LAST``.

``alone`` and ``within`` a row about each of many, without a batch and within one; ``chained``
rows each of which is after the one before; ``by_hand`` one that makes the next, and so on.
"""

import json
import sys

import django

django.setup()

from bench.work import together  # noqa: E402
from bench.work.models import Item  # noqa: E402
from bench.work.tasks import increment  # noqa: E402
from boogie.apps.tasks import batch  # noqa: E402


def alone(pks: list[int]) -> None:
    increment.each(_items(pks))


def within(pks: list[int]) -> None:
    with batch(title="bench", on_success=together.over):
        alone(pks)


def chained(pks: list[int]) -> None:
    first, *others = _items(pks)
    row = together.chained.delayed(first)
    for item in others:
        row = together.chained.using(after=row).delayed(item)


def by_hand(pks: list[int]) -> None:
    together.by_hand.delayed(_items(pks)[0], pks[-1])


def _items(pks: list[int]) -> "list[Item]":
    return list(Item.objects.filter(pk__range=(pks[0], pks[-1])).order_by("pk"))


MODES = {"alone": alone, "within": within, "chained": chained, "by_hand": by_hand}

if __name__ == "__main__":
    mode, first, last = sys.argv[1:]
    MODES[mode](list(range(int(first), int(last) + 1)))
    print(json.dumps({}))
