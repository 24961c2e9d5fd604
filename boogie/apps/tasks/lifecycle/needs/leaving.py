"""
What is done about arrows before rows are deleted.
"""

from collections.abc import Iterable
from typing import Any

from . import arrows, breaking, waking


def leave(using: str, needed: Iterable[Any], finished: Iterable[Any], after: Iterable[Any]) -> None:
    """
    Give up those after rows that have not finished; those that have are noted so; forget arrows.

    ``needed`` and ``finished``: rows that others are after; ``after``: rows that are after others.
    """
    breaking.give_up(using, needed, deleted=True)
    for key in finished:
        waking.meet(using, key)
    if keys := list(after):
        arrows.forget(using, keys)
