"""
Who waits and was not woken by those who made room: they died, or it is a rate, where time does.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import Q

from boogie.apps.tasks import limits
from boogie.apps.tasks.db import clock, outages
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.db.moments import in_utc
from boogie.apps.tasks.lifecycle import parking, timing
from boogie.apps.tasks.limits import Rate
from boogie.apps.tasks.models import Limit, Task
from boogie.apps.tasks.models.stored import primary

from . import handover
from .room import EARLY, Key

#: Seconds between two looks at those who wait.
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
        """Wake who can go on; return the seconds until the next look, which may be due sooner."""
        using = primary(Task)
        keys = list(self._keys(using))
        self._behind = keys[-1] if len(keys) == KEYS else timing.LIMIT
        pause = EVERY
        for key in keys:
            pause = min(pause, self._look_at(using, key))
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
        stored = Limit.objects.using(using).filter(pk=key).first()
        limit = None if stored is None else limits.known(stored.name)
        if stored is None or limit is None:  # nobody has tried one yet, or the limit is gone
            _wake_all(using, key)
            return EVERY
        if isinstance(limit, Rate):
            early = _seconds_until(using, limit, stored.next_start)
            if early > EARLY / 2:
                return early - EARLY / 2
        handover.wake(using, stored.name, stored.value)
        return EARLY / 2 if isinstance(limit, Rate) else EVERY


def _seconds_until(using: str, rate: Rate, next_start: Any) -> float:
    if next_start is None:
        return 0.0
    ahead = (in_utc(next_start) - clock.read(using)).total_seconds()
    return float(ahead - rate.interval * (rate.burst - 1))


def _wake_all(using: str, key: str) -> None:
    """Have rows tried whose limit no task declares any more: their claims decide anew."""
    rows = Task.objects.using(using)
    first = list(parking.parked(rows.all(), key).values_list("pk", flat=True)[:AT_ONCE])
    parking.wake(rows.filter(pk__in=first))


def forget_unused() -> int:
    """Delete limits that nobody has used for a while, and slots of none; return how many."""
    using = primary(Limit)
    old = Limit.objects.using(using).filter(used__lt=Moment(-UNUSED))
    old = old.filter(Q(next_start=None) | Q(next_start__lt=Moment()))
    return sum(_forget(using, stored) for stored in old.order_by("used")[:BATCH])


def _forget(using: str, stored: Limit) -> int:
    """Delete one, unless somebody waits for it, or holds a slot."""
    return outages.unlocked(using, partial(_forget_now, using, stored))


def _forget_now(using: str, stored: Limit) -> int:
    with transaction.atomic(using=using):
        # Who claims meanwhile waits for this, and makes the row anew.
        key = Key.locked(using, stored.pk, stored.name, stored.value)
        in_use = bool(key.clean()) or parking.in_line(Task.objects.using(using), stored.pk).exists()
        return 0 if in_use else Limit.objects.using(using).filter(pk=stored.pk).delete_now()
