"""
How much room a limit has, asked and taken by who holds the lock of its key.

Everything here is called in a transaction that has updated the row of the limit: no other
claim of the key goes on meanwhile, on any database and at any isolation level.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q

from boogie.apps.tasks import limits
from boogie.apps.tasks.broker import silence
from boogie.apps.tasks.conf import conf
from boogie.apps.tasks.current_app import needs_ringing
from boogie.apps.tasks.db import clock
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.db.moments import in_utc
from boogie.apps.tasks.lifecycle import parking, timing
from boogie.apps.tasks.limits import Concurrency, Rate
from boogie.apps.tasks.models import Limit, Slot, Task

#: Seconds by which a row may come too early: its process waits as long. So much ahead of their
#: time rows of a rate are woken.
EARLY = 0.1
#: A row that was woken and has not been started for so many seconds holds up no others: its
#: queue has no worker.
STUCK = 60.0
#: Rows that are woken at one time.
BATCH = 100


@dataclass(frozen=True)
class Turn:
    """When a row is to start, and in how many seconds; ``None``: at once."""

    start: datetime | None = None
    early: float = 0.0

    @classmethod
    def latest(cls, turns: Iterable["Turn"]) -> "Turn":
        """Return the one that comes last."""
        return max(turns, key=lambda turn: (turn.early, turn.start is not None), default=cls())


class Key:
    """A limit for one value, whose lock this transaction holds."""

    def __init__(self, using: str, key: str, limit: limits.Limiting | None) -> None:
        self.using, self.key, self.limit = using, key, limit
        #: The numbers of the slots that are taken, once they are known.
        self._numbers: list[int] | None = None

    @classmethod
    def locked(cls, using: str, key: str, identity: str, value: str) -> "Key":
        """Lock a key, whose row is made if there is none."""
        found = cls(using, key, limits.known(identity))
        if not found.lock():
            stored = Limit(key=key, name=identity, value=value, used=Moment())
            Limit.objects.using(using).bulk_create([stored], ignore_conflicts=True)
            found.lock()
        return found

    def lock(self) -> bool:
        """Lock the key until the transaction ends; return whether its row is there."""
        return bool(Limit.objects.using(self.using).filter(pk=self.key).update(used=Moment()))

    # --- room -------------------------------------------------------------------------

    def free(self) -> int:
        """Return how many rows may start now; of a rate, within the time that a claim waits."""
        if isinstance(self.limit, Concurrency):
            return self.limit.n - len(self.numbers())
        if isinstance(self.limit, Rate):
            return self._startable(self.limit, EARLY)
        return BATCH

    def numbers(self) -> list[int]:
        """Return the numbers of the slots that are taken; those of no run are deleted first."""
        if self._numbers is None:
            self._numbers = self._read_numbers()
        return self._numbers

    def _read_numbers(self) -> list[int]:
        slots = Slot.objects.using(self.using).filter(limit=self.key)
        taken = list(slots.values_list("pk", "number", "row_id", "attempt"))
        if isinstance(self.limit, Concurrency) and len(taken) < self.limit.n:
            return [number for _pk, number, _row, _attempt in taken]
        return self._valid(taken)

    def clean(self) -> list[int]:
        """Delete the slots of no run; return the numbers of the others."""
        slots = Slot.objects.using(self.using).filter(limit=self.key)
        return self._valid(list(slots.values_list("pk", "number", "row_id", "attempt")))

    def _valid(self, taken: list[tuple[Any, int, Any, int]]) -> list[int]:
        if not taken:
            return []
        rows = Task.objects.using(self.using).running()
        running = set(rows.filter(pk__in=[one[2] for one in taken]).values_list("pk", "attempt"))
        stale = [pk for pk, _number, row, attempt in taken if (row, attempt) not in running]
        if stale:
            Slot.objects.using(self.using).filter(pk__in=stale).delete_now()
        return [number for pk, number, _row, _attempt in taken if pk not in stale]

    def _startable(self, rate: Rate, within: float) -> int:
        now = clock.read(self.using)
        ahead = (now - self._turn(now)).total_seconds() + rate.interval * (rate.burst - 1) + within
        return min(BATCH, int(ahead / rate.interval) + 1) if ahead >= 0 else 0

    def _turn(self, now: datetime) -> datetime:
        """Return when the next row of a rate has its turn, without its burst; no past time."""
        stored: Any = Limit.objects.using(self.using).values_list("next_start", flat=True)
        found = stored.get(pk=self.key)
        return now if found is None else max(now, in_utc(found))

    # --- taking -----------------------------------------------------------------------

    def older(self, row: Any) -> bool:
        """Return whether a row that was made earlier waits, and could be started."""
        if self.limit is None or self.limit.kind != "concurrency" or self.limit.n > 1:
            return False
        line = parking.in_line(Task.objects.using(self.using), self.key).filter(pk__lt=row.pk)
        return bool(line.filter(timing.is_in_time(), may_come()).values_list("pk")[:1])

    def take(self, row: Any, attempt: int) -> Turn:
        """Take a place for an attempt of ``row``; return when it is to start."""
        if isinstance(self.limit, Concurrency):
            self._take_slot(row, attempt)
        elif isinstance(self.limit, Rate):
            return self._take_turn(self.limit)
        return Turn()

    def _take_slot(self, row: Any, attempt: int) -> None:
        taken = self.numbers()
        number = next(n for n in range(1, len(taken) + 2) if n not in taken)
        slot = Slot(limit=self.key, number=number, row_id=row.pk, attempt=attempt)
        slot.save(using=self.using, force_insert=True)
        taken.append(number)

    def _take_turn(self, rate: Rate) -> Turn:
        now = clock.read(self.using)
        turn = self._turn(now)
        following = turn + timedelta(seconds=rate.interval)
        Limit.objects.using(self.using).filter(pk=self.key).update(next_start=following)
        start = turn - timedelta(seconds=rate.interval * (rate.burst - 1))
        return Turn(start, max(0.0, (start - now).total_seconds()))

    # --- waking -----------------------------------------------------------------------

    def wake(self) -> list[Any]:
        """Wake as many of those who wait as there is room for, the oldest first; return them."""
        rows = Task.objects.using(self.using).all()
        if isinstance(self.limit, Concurrency) and self.free() <= 0:
            return []
        first = list(parking.parked(rows, self.key).values_list("pk", flat=True)[:BATCH])
        room = min(self.free(), BATCH) if first else 0
        if room > 0:
            line = parking.in_line(rows, self.key).filter(due__gt=Moment(-STUCK))
            room -= len(line.values_list("pk", flat=True)[:room])
        if room <= 0:
            return []
        after = conf.RING_AGAIN if rings() else 0.0
        same = rows.filter(pk__in=first[:room])
        parking.wake(same, after=after, keeps_place=self.limit is not None)
        return first[:room]


def may_come() -> Q:
    """Return the condition of rows in a line that will be tried: nobody waits for others."""
    return timing.is_ripe() & (Q(due=None) | Q(due__gt=Moment(-STUCK)))


def rings() -> bool:
    """Return whether rows that are woken need a doorbell of a broker."""
    return needs_ringing() and not silence.holds()
