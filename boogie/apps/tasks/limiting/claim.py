"""
The claim of a row that is under limits: one transaction, in which it starts or is held back.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from django.db import connections, transaction

from boogie.apps.tasks import limits, registry
from boogie.apps.tasks.db import compiled, features, outages
from boogie.apps.tasks.db.moments import in_utc
from boogie.apps.tasks.exceptions import LimitReached
from boogie.apps.tasks.lifecycle import moving, parking, timing
from boogie.apps.tasks.models import Slot, Task

from . import handover, standing
from .room import Key, Turn

#: Whether rates hold nothing up: where tests run what is queued, no time passes.
_hurries = False


def hurry(hurries: bool) -> bool:
    """Have rates hold nothing up, or again; return what was so before."""
    global _hurries
    before, _hurries = _hurries, hurries
    return before


class Lost(Exception):
    """Somebody else has taken the row: what was taken for it is given back."""


@dataclass(frozen=True)
class Place:
    """One of the limits that a row is under now."""

    identity: str
    value: str

    @property
    def key(self) -> str:
        """What rows are held back by."""
        return limits.key_of(self.identity, self.value)


def places_of(name: str, values: Mapping[str, str] | None) -> list[Place]:
    """Return the limits of a row that its task still declares; of others it is free."""
    declared = [one.identity for one in limits.of_task(name)]
    return [Place(one, values[one]) for one in declared if one in values] if values else []


def claim(using: str, key: Any, claiming: Callable[[], Task | None]) -> Task | None:
    """
    Claim a row by ``claiming`` if its limits have room; else hold it back, and return ``None``.

    One that came a little too early for a rate is claimed, and this process waits as long.
    """
    row = _read(using, key)
    if row is None:
        return None
    places = places_of(name_of(row), row.limits)
    if not places:
        return claiming()
    try:
        found, turn, woken = outages.unlocked(using, partial(_try, using, row, places, claiming))
    except Lost:
        return None
    handover.ring(using, woken)
    if turn.early:
        time.sleep(turn.early)
    return found


def _read(using: str, key: Any) -> Task | None:
    """Return what has to be known of a row that may be claimed, whatever limits it."""
    reader = compiled.cached(using, "limited row", _reader)
    values = {"id": moving.prepared(Task.objects.using(using), "id", key)}
    row: Task | None = reader.statement.one(connections[using], values, reader)
    return row


def _reader(connection: Any) -> compiled.Reader:
    rows = timing.ripe(Task.objects.using(connection.alias).queued())
    mine = rows.filter(pk=compiled.slot(Task, "id"))
    return compiled.Reader(connection, mine.only("name", "backend", "limits", "held_by"))


def name_of(row: Any) -> str:
    """Return the name under which the limits of a row's task are known."""
    task = None if row.backend else registry.get(row.name)
    return str(row.name if task is None else task.name)


def _try(
    using: str, row: Task, places: list[Place], claiming: Callable[[], Task | None]
) -> tuple[Task | None, Turn, list[Any]]:
    with transaction.atomic(using=using):
        keys = list(_locked(using, places).values())
        for key in keys:
            if _blocks(key, row):
                others = [one for one in keys if one is not key]
                return None, Turn(), _hold_back(using, row, key, others)
        found = claiming()
        if found is None:
            raise Lost
        found.limits, found.held_by = row.limits, row.held_by
        turn = Turn.latest([key.take(found, found.attempt) for key in keys])
        turn = Turn() if _hurries else turn
        _begin(using, found, turn)
        woken = [pk for key in keys if key.is_concurrency for pk in key.wake()]
        for key in keys:
            if key.wakes:  # who claims next need not wait for that
                transaction.on_commit(
                    partial(handover.wake_unlocked, key), using=using, robust=True
                )
        return found, turn, woken


def _hold_back(using: str, row: Task, key: Key, others: list[Key]) -> list[Any]:
    """Have a row wait at ``key``, and keep its place at its others; return who is woken."""
    parking.park(Task.objects.using(using).filter(pk=row.pk), key.key)
    standing.stand(using, row, [one.key for one in others if one.keeps_order])
    return key.wake() if key.is_concurrency else []


def _locked(using: str, places: list[Place], is_old: bool = False) -> dict[str, Key]:
    """Lock the keys, in one order for all; return them in that in which they are declared."""
    by_key = {place.key: place for place in places}
    locked = {
        key: Key.locked(using, key, by_key[key].identity, by_key[key].value, is_old)
        for key in sorted(by_key)
    }
    return {key: locked[key] for key in by_key}


def _blocks(key: Key, row: Task) -> bool:
    if _hurries and key.limit is not None and key.limit.kind == "rate":
        return False
    return key.free() <= 0 or key.older(row)


def _begin(using: str, row: Task, turn: Turn) -> None:
    """Have a claimed row start when its turn comes."""
    start = turn.start
    if start is not None and (turn.early or _has_begun_before(row, start)):
        vars(row).pop("started", None)  # it is read when somebody asks
        parking.begin(Task.objects.using(using), row.pk, start)


def _has_begun_before(row: Task, start: datetime) -> bool:
    started = vars(row).get("started")
    return isinstance(started, datetime) and in_utc(started) < start


# --- call() ---------------------------------------------------------------------------


def enter(using: str, task: Any, row: Task, insert: Callable[[], Task]) -> Task:
    """
    Insert a row that runs at once, if its limits have room; return what ``insert`` returns.

    Raise ``LimitReached`` if not. It does not stand in line: what waits is not asked.
    """
    places = places_of(task.name, row.limits)
    if not places:
        return insert()
    # Read before this transaction: in it, nothing is known of what others have done meanwhile.
    is_old = features.shows_a_snapshot(connections[using])
    entering = partial(_enter, using, task, row, places, insert, is_old)
    found, turn = outages.unlocked(using, entering)
    if turn.early:
        time.sleep(turn.early)
    return found


def _enter(
    using: str,
    task: Any,
    row: Task,
    places: list[Place],
    insert: Callable[[], Task],
    is_old: bool,
) -> tuple[Task, Turn]:
    with transaction.atomic(using=using):
        keys = _locked(using, places, is_old)
        for place in places:
            key = keys[place.key]
            if key.free() <= 0:
                about = f" of {place.value}" if place.value else ""
                raise LimitReached(
                    f"{task.name} is at its limit {place.identity!r}{about} ({key.limit!r}): no "
                    f"row was made. delayed() makes one that waits for its turn."
                )
        found = insert()
        if found is not row:  # another one has its place
            return found, Turn()
        turn = Turn.latest([key.take(row, row.attempt) for key in keys.values()])
        _begin(using, row, turn)
        return row, turn


def go_on(using: str, row: Task) -> None:
    """Keep the slots of a ``call()`` for its next attempt, in the transaction that claims it."""
    if row.limits:
        Slot.objects.using(using).filter(row_id=row.pk).update(attempt=row.attempt + 1)
