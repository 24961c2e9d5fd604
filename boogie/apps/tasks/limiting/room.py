"""
How much room a limit has, asked and taken by who holds the lock of its key.

Everything here is called in a transaction that has updated the row of the limit: no other
claim of the key goes on meanwhile, on any database and at any isolation level.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connections
from django.db.models import Exists, OuterRef

from boogie.apps.tasks import limits
from boogie.apps.tasks.broker import silence
from boogie.apps.tasks.conf import conf
from boogie.apps.tasks.current_app import needs_ringing
from boogie.apps.tasks.db import clock, features
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.lifecycle import parking, timing
from boogie.apps.tasks.limits import Concurrency, Rate
from boogie.apps.tasks.models import Limit, Slot, Task

from . import standing, stored

#: Seconds by which a row may come too early: its process waits as long. So much ahead of their
#: time rows of a rate are woken.
EARLY = 0.2
#: Of rates that start more often than that, in seconds, claims wake the next rows, so much at a
#: time; of others time does.
PORTION = EARLY / 2
#: Rows that are woken at one time.
BATCH = 100
#: Seconds after which a limit that is used is noted to be.
USED = 600.0


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
        #: Whether this transaction does not see what others have committed meanwhile.
        self.is_old = False
        #: The database's time when the key was read, and this process's; what is stored of it.
        self._read, self._read_here = datetime.min, 0.0
        self._used = datetime.min
        self._next_start: datetime | None = None
        #: Whether it is time to wake the next rows of a rate.
        self.wakes = False
        #: The numbers of the slots that are taken, once they are known.
        self._numbers: list[int] | None = None

    @classmethod
    def locked(cls, using: str, key: str, identity: str, value: str, is_old: bool = False) -> "Key":
        """Lock a key, whose row is made if there is none."""
        found = cls(using, key, limits.known(identity))
        found.is_old = is_old
        if not found.lock():
            fresh = Limit(key=key, name=identity, value=value, used=Moment())
            Limit.objects.using(using).bulk_create([fresh], ignore_conflicts=True)
            found.lock()
        return found

    def lock(self) -> bool:
        """Lock the key until the transaction ends, and read it; return whether its row is there."""
        if features.has_one_writer(connections[self.using]):
            self._stored().update(used=Moment())
        self._read_here = time.monotonic()
        found = stored.lock(self.using, self.key)
        if found is None:
            return False
        self._next_start, self._used, self._read = found
        return True

    def _now(self) -> datetime:
        """Return the database's time, asked once: it told when it began to wait for the lock."""
        passed = time.monotonic() - self._read_here if clock.pretended() is None else 0.0
        return self._read + timedelta(seconds=passed)

    def _stored(self) -> Any:
        return Limit.objects.using(self.using).filter(pk=self.key)

    @property
    def is_put_off(self) -> bool:
        """Whether the next row of a rate has to wait."""
        return self._next_start is not None and self._next_start > self._now()

    @property
    def is_concurrency(self) -> bool:
        """Whether rows wait here for others to end, and not for time."""
        return isinstance(self.limit, Concurrency)

    @property
    def keeps_order(self) -> bool:
        """Whether rows start here in the order in which they were made."""
        return limits.is_single(self.limit)

    # --- room -------------------------------------------------------------------------

    def free(self) -> int:
        """Return how many rows may start now; of a rate, within the time that a claim waits."""
        if isinstance(self.limit, Concurrency):
            return self.limit.n - len(self.numbers())
        if isinstance(self.limit, Rate):
            return startable(self.limit, self._next_start, self._now())
        return BATCH

    def numbers(self) -> list[int]:
        """Return the numbers of the slots that are taken; those of no run are deleted first."""
        if self._numbers is None:
            self._numbers = self._read_numbers()
        return self._numbers

    def _read_numbers(self) -> list[int]:
        rows = Task.objects.using(self.using).running()
        mine = rows.filter(pk=OuterRef("row_id"), attempt=OuterRef("attempt"))
        slots = Slot.objects.using(self.using).filter(limit=self.key)
        taken = dict(slots.values_list("pk", "number"))
        stale = set(slots.filter(~Exists(mine)).values_list("pk", flat=True)) if taken else ()
        if stale:
            slots.filter(pk__in=stale).delete_now()
        if self.is_old:  # of those that it does not see nobody can say that they are stale
            taken = dict(slots.select_for_update().values_list("pk", "number"))
        return [number for pk, number in taken.items() if pk not in stale]

    # --- taking -----------------------------------------------------------------------

    def older(self, row: Any) -> bool:
        """Return whether a row that was made earlier waits, and could be started."""
        return self.keeps_order and standing.is_behind(self.using, self.key, row.pk)

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
        if self._used < self._read - timedelta(seconds=USED):
            self._stored().update(used=Moment())

    def _take_turn(self, rate: Rate) -> Turn:
        now, burst = self._now(), timedelta(seconds=rate.interval * (rate.burst - 1))
        turn = turn_of(rate, self._next_start, now)
        # The claim may have been a moment before its turn, which is over by now.
        earliest = min(turn, self._next_start or turn) - burst
        self.wakes = _ends_portion(rate, self._next_start, turn, now)
        self._next_start = turn + timedelta(seconds=rate.interval)
        stored.put_off(self.using, self.key, self._next_start)
        return Turn(earliest, max(0.0, (turn - burst - now).total_seconds()))

    # --- waking -----------------------------------------------------------------------

    def wake(self) -> list[Any]:
        """Wake as many of those who wait as there is room for, the oldest first; return them."""
        if self.free() <= 0:
            return []
        rows = Task.objects.using(self.using).all()
        waiting = parking.parked(rows.filter(timing.is_in_time()), self.key)
        first = list(waiting.values_list("pk", flat=True)[:BATCH])
        room = min(self.free(), BATCH) if first else 0
        if room > 0:
            # Who waits for a time of its own is passed.
            line = parking.in_line(rows.filter(standing.may_come()), self.key).filter(
                due__isnull=False
            )
            room -= len(line.values_list("pk", flat=True)[:room])
        if room <= 0 or self._is_behind_others(first[0]):
            return []
        after = conf.RING_AGAIN if rings() else 0.0
        same = rows.filter(pk__in=first[:room])
        parking.wake(same, after=after)
        return first[:room]

    def _is_behind_others(self, row_id: Any) -> bool:
        return self.keeps_order and standing.is_behind_others(self.using, self.key, row_id)


def turn_of(rate: Rate, next_start: datetime | None, now: datetime) -> datetime:
    """Return when the next row of a rate has its turn, without its burst; no past time."""
    if next_start is None:
        return now
    # No start of this rate has put it off so far: it was slower, or the clock was set back.
    is_too_far = next_start > now + timedelta(seconds=rate.interval * rate.burst + 2 * EARLY)
    return now if is_too_far else max(now, next_start)


def _ends_portion(rate: Rate, next_start: datetime | None, turn: datetime, now: datetime) -> bool:
    """Return whether who has this turn is to wake the next rows: one for each portion, or none."""
    if rate.interval >= PORTION:
        return False
    if next_start is None or next_start < now - timedelta(seconds=EARLY):
        return True  # nobody was before it
    here = turn.timestamp()
    return here // PORTION != (here + rate.interval) // PORTION


def startable(rate: Rate, next_start: datetime | None, now: datetime, within: float = EARLY) -> int:
    """Return how many rows of a rate may start within some seconds."""
    turn = turn_of(rate, next_start, now)
    ahead = (now - turn).total_seconds() + rate.interval * (rate.burst - 1) + within
    return min(BATCH, int(ahead / rate.interval) + 1) if ahead >= 0 else 0


def rings() -> bool:
    """Return whether rows that are woken need a doorbell of a broker."""
    return needs_ringing() and not silence.holds()
