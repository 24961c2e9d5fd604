"""
Who waits and was not woken by those who made room: they died, or it is a rate, where time does.
"""

import math
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import Q

from boogie.apps.tasks import limits, registry
from boogie.apps.tasks.db import outages
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.db.moments import in_utc
from boogie.apps.tasks.lifecycle import parking, timing
from boogie.apps.tasks.limits import Rate
from boogie.apps.tasks.models import Limit, Task
from boogie.apps.tasks.models.stored import primary

from . import handover, standing
from .room import EARLY, PORTION, Key, startable, turn_of

#: Seconds between two looks for who waits.
EVERY = 1.0
#: Keys that one look goes through; the next goes on behind them.
KEYS = 100
#: Seconds after which the row of a limit that nobody used is deleted, and how many at one time.
UNUSED, BATCH = 3600.0, 1000

#: Rows that are woken at one time whose limit is gone.
AT_ONCE = 100


def waiting(using: str) -> Any:
    """Return the rows that wait for a limit."""
    held = parking.parked(Task.objects.using(using).all())
    return held.filter(held_by__gte=timing.LIMIT, held_by__lt=timing.BEHIND_LIMITS)


class Watch:
    """The looks of one keeper."""

    def __init__(self) -> None:
        self._behind = timing.LIMIT

    def look(self) -> float:
        """Wake who can go on; return in how many seconds others can, if that is known."""
        using = primary(Task)
        keys = list(self._keys(using))
        self._behind = keys[-1] if len(keys) == KEYS else timing.LIMIT
        pause = min((self._look_at(using, key) for key in keys), default=math.inf)
        return 0.0 if len(keys) == KEYS else pause

    def _keys(self, using: str) -> Iterator[str]:
        """Yield keys at which somebody waits: each is one step of the index."""
        behind = self._behind
        for _ in range(KEYS):
            rows = waiting(using).filter(held_by__gt=behind).order_by("held_by", "pk")
            found = rows.values_list("held_by", flat=True).first()
            if found is None:
                return
            yield found
            behind = found

    def _look_at(self, using: str, key: str) -> float:
        rows = Limit.objects.using(using).filter(pk=key)
        stored = rows.values_list("name", "value", "next_start", Moment()).first()
        if stored is None:  # nobody has tried a row yet
            return _wake_untried(using, key)
        name, value, next_start, now = stored
        limit = limits.known(name)
        if not isinstance(limit, Rate):
            return _wake_next(using, key, name, value)
        next_start, now = next_start and in_utc(next_start), in_utc(now)
        if room := startable(limit, next_start, now):
            if _tried(using, key, room) <= room // 4:
                handover.wake(using, name, value)
            return EARLY if limit.interval < PORTION else EARLY / 2
        start = turn_of(limit, next_start, now) - timedelta(
            seconds=limit.interval * (limit.burst - 1)
        )
        return max(0.0, (start - now).total_seconds() - EARLY / 2)


def _tried(using: str, key: str, most: int) -> int:
    """Return how many rows of a line have been woken and are to be tried, up to ``most``."""
    line = parking.in_line(Task.objects.using(using).filter(standing.may_come()), key)
    return len(line.filter(due__isnull=False).values_list("pk", flat=True)[:most])


def _wake_untried(using: str, key: str) -> float:
    """Wake the first of a line whose limit has not been counted yet."""
    row = parking.parked(Task.objects.using(using).all(), key).only("name", "limits").first()
    values = {} if row is None or not row.limits else row.limits
    for identity, value in values.items():
        if limits.key_of(identity, value) == key:
            return _wake_next(using, key, identity, value)
    _wake_all(using, key)
    return math.inf


def _wake_next(using: str, key: str, identity: str, value: str) -> float:
    if limits.known(identity) is None:
        _wake_all(using, key)
    else:
        handover.wake(using, identity, value)
    return math.inf


def _wake_all(using: str, key: str) -> None:
    """
    Have rows tried whose limit no task declares any more: their claims decide anew.

    Those of tasks that are not known here are left to processes that know more.
    """
    rows = Task.objects.using(using)
    names = [name for task in registry.declared() for name in task.names]
    known = rows.filter(Q(backend__gt="") | Q(name__in=names))
    first = list(parking.parked(known, key).values_list("pk", flat=True)[:AT_ONCE])
    parking.wake(rows.filter(pk__in=first), place="")


def forget_unused() -> int:
    """Delete limits that nobody has used for a while, slots and stands of none; return how many."""
    using = primary(Limit)
    old = Limit.objects.using(using).filter(used__lt=Moment(-UNUSED))
    old = old.filter(Q(next_start=None) | Q(next_start__lt=Moment()))
    forgotten = sum(_forget(using, stored) for stored in old.order_by("used")[:BATCH])
    return forgotten + standing.forget()


def _forget(using: str, stored: Limit) -> int:
    """Delete one, unless somebody waits for it, or holds a slot."""
    return outages.unlocked(using, partial(_forget_now, using, stored))


def _forget_now(using: str, stored: Limit) -> int:
    with transaction.atomic(using=using):
        # Who claims meanwhile waits for this, and makes the row anew.
        key = Key.locked(using, stored.pk, stored.name, stored.value)
        in_use = (
            key.is_put_off  # who has claimed since it was found has started by its rate
            or bool(key.numbers())
            or parking.in_line(Task.objects.using(using), stored.pk).exists()
        )
        return 0 if in_use else Limit.objects.using(using).filter(pk=stored.pk).delete_now()
