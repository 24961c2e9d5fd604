"""
Who has made room wakes those who wait for it.
"""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from django.db import transaction

from boogie.apps.tasks import limits
from boogie.apps.tasks.broker import doorbell
from boogie.apps.tasks.db import outages
from boogie.apps.tasks.enqueue import showing
from boogie.apps.tasks.lifecycle import parking, transitions
from boogie.apps.tasks.models import Slot, Task

from . import standing
from .room import Key, rings

#: What a doorbell says of a row.
TOLD = ("name", "backend", "queue", "priority", "content_type", "object_id")


def after(row: Any) -> None:
    """Have those woken who wait for what ``row`` held, once this transaction is committed."""
    if row.limits:
        using = row._state.db
        handing = partial(hand_over, using, dict(row.limits), row.pk)
        transaction.on_commit(handing, using=using, robust=True)


def hand_over(using: str, values: Mapping[str, str], row_id: Any = None) -> None:
    """Wake those who wait for the limits with these values; a row that ended gives its slots."""
    for identity, value in values.items():
        limit = limits.known(identity)
        if limit is not None and limit.kind == "concurrency":
            if len(values) > 1 and row_id is not None:
                standing.leave(using, limits.key_of(identity, value), row_id)
            wake(using, identity, value, row_id)


def wake(using: str, identity: str, value: str, row_id: Any = None) -> int:
    """Wake as many as there is room for at one key, and ring for them; return how many."""
    woken = outages.unlocked(using, partial(_wake, using, identity, value, row_id))
    ring(using, woken)
    return len(woken)


def wake_unlocked(key: Key) -> None:
    """Wake the next rows of a rate, and ring for them."""
    ring(key.using, key.wake())


def _wake(using: str, identity: str, value: str, row_id: Any) -> list[Any]:
    key = limits.key_of(identity, value)
    with transaction.atomic(using=using):
        found = Key.locked(using, key, identity, value)
        if row_id is not None:
            _give_back(using, key, row_id)
        return found.wake()


def _give_back(using: str, key: str, row_id: Any) -> None:
    """Delete the slots of a row's earlier attempts; of the one that runs, if any, not."""
    slots = Slot.objects.using(using).filter(limit=key, row_id=row_id)
    held = dict(slots.values_list("pk", "attempt"))
    if held:
        running = Task.objects.using(using).running().filter(pk=row_id)
        now = set(running.values_list("attempt", flat=True))
        slots.filter(pk__in=[pk for pk, attempt in held.items() if attempt not in now]).delete_now()


def ring(using: str, ids: Iterable[Any]) -> None:
    """Ring for rows that were woken; what fails is left to the keeper's next look."""
    ids = list(ids)
    if not ids or not rings():
        return
    rows = list(Task.objects.using(using).queued().filter(pk__in=ids).order_by("pk"))
    bells = [showing.mark(row) for row in rows]
    if unrung := [row.pk for row in doorbell.ring(bells)]:
        transitions.release(Task.objects.using(using).filter(pk__in=unrung))


def _left(row: Any, **extra: Any) -> None:
    after(row)


def connect() -> None:
    """Learn of rows that are taken out of their line from now on; twice is once."""
    parking.has_left.connect(_left, weak=False, dispatch_uid="boogie_tasks.has_left")
