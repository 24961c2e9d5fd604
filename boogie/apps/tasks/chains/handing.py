"""
What is done once a row has finished that others are after: they are woken, and rung for.
"""

from collections.abc import Iterable
from functools import partial
from typing import Any

from django.db import transaction

from boogie.apps.tasks.conf import conf
from boogie.apps.tasks.db import commits
from boogie.apps.tasks.lifecycle import timing
from boogie.apps.tasks.lifecycle.needs import telling, waking
from boogie.apps.tasks.limiting import handover, room
from boogie.apps.tasks.models import Task

#: Rows that whoever has finished rings for itself; more are left to keepers, in step with workers.
MOST = 50


def hand_on(using: str, key: Any) -> int:
    """Have those go on that are after the row ``key``, and nothing else; return how many."""
    count = 0
    while chunk := waking.meet(using, key):
        woken = waking.tell(using, chunk, _after(chunk))
        count += len(woken)
        _ring(using, woken, chunk)
        if len(chunk) < waking.CHUNK:
            break
    return count


def _hand_on_within(using: str, key: Any) -> None:
    """
    Do so for some in the transaction in which it has finished.

    What others who finish at this moment have done is not seen: nobody is said to be told.
    """
    with commits.savepoint(using):
        chunk = waking.meet(using, key)
        woken = waking.wake(using, {row for _, row in chunk}, _after(chunk))
        _ring(using, woken, chunk)


def _after(chunk: Iterable[Any]) -> float:
    return conf.RING_AGAIN if _rings(chunk) else 0.0


def _rings(chunk: Any) -> bool:
    return room.rings() and len(chunk) <= MOST


def _ring(using: str, woken: list[Any], chunk: Any) -> None:
    if woken and _rings(chunk):
        transaction.on_commit(partial(_ring_now, using, woken), using=using, robust=True)


def _ring_now(using: str, woken: list[Any]) -> None:
    ripe = timing.ripe(Task.objects.using(using).filter(pk__in=woken))
    handover.ring(using, ripe.values_list("pk", flat=True))


def _finished(using: str, key: Any, is_committed: bool, **extra: Any) -> None:
    (hand_on if is_committed else _hand_on_within)(using, key)


def connect() -> None:
    """Learn of rows that finish from now on; twice is once."""
    telling.has_finished.connect(_finished, weak=False, dispatch_uid="boogie_tasks.has_finished")
