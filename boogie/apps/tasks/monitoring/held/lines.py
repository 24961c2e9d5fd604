"""
How many rows wait behind each hold and each limit. Counted to a cap, whatever waits.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import F, QuerySet

from boogie.apps.tasks.conf import conf
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.db.reading import groups
from boogie.apps.tasks.lifecycle import parking, states, timing
from boogie.apps.tasks.models import Hold, Limit, Task, TaskQuerySet
from boogie.apps.tasks.monitoring import counting
from boogie.apps.tasks.monitoring.counting import Count

from . import by

#: Lines that are told of, the longest first, and among how many these are looked for.
MOST, AMONG = 10, 100


@dataclass(frozen=True)
class Behind:
    """Rows that wait behind one hold, or in the line of one limit."""

    #: As the filter ``held_by`` takes it.
    what: str
    rows: Count
    #: The key of the line, or of the hold.
    key: str


@dataclass(frozen=True)
class Line:
    """Rows that are held back by one limit; ``oldest``: seconds since the first was made."""

    what: str
    rows: int
    oldest: float


class Lines:
    """The lines of limits that there are, and those of ``holds``: one statement finds them."""

    def __init__(self, holds: Sequence[Hold] = ()) -> None:
        rows = Task.objects.on_primary()
        found = groups.distinct(_waiting(rows), ["held_by"], AMONG)
        self._holds = holds
        self._keys = [key for (key,) in found if key.startswith(timing.LIMIT)]
        #: What is to be counted, each in its order.
        self.parts: list[QuerySet[Any]] = [parking.parked(rows, key) for key in self._keys]
        self.parts += [part for hold in holds for part in _behind(rows, hold.key)]

    def counted(self, counts: Sequence[Count], cap: int) -> tuple[list[Behind], list[Behind]]:
        """
        Return how many rows wait behind each of the holds, and the longest lines of limits.

        ``counts`` are those of :attr:`parts`, up to ``cap`` in each. One statement more where
        there are lines, for their names.
        """
        return (
            _of_holds(self._holds, counts[len(self._keys) :], cap),
            _lines(self._keys, counts, Task.objects.on_primary().db),
        )


def longest(cap: int, holds: Sequence[Hold] = ()) -> tuple[list[Behind], list[Behind]]:
    """
    Return how many rows wait behind each of ``holds``, and the longest lines of limits.

    Up to ``cap`` in each. One statement where nothing is held back, and three at most.
    """
    lines = Lines(holds)
    counts = counting.capped(lines.parts, cap, in_order=True) if lines.parts else []
    return lines.counted(counts, cap)


def _behind(rows: TaskQuerySet, key: str) -> tuple[Any, Any]:
    """Return the rows that wait behind a hold: those that are looked at, and those that sleep."""
    # What was told to a broker is due again later.
    awake = rows.filter(due__lte=Moment(conf.RING_AGAIN)).queued()
    return timing.ripe(awake.filter(by.its_rows(key))), parking.parked(rows, key)


def _of_holds(holds: Sequence[Hold], counts: Sequence[Count], cap: int) -> list[Behind]:
    pairs = zip(counts[::2], counts[1::2], strict=True)
    sums = [Count(int(a) + int(b) + (a.is_capped or b.is_capped), cap) for a, b in pairs]
    return [Behind(hold.key, number, hold.key) for hold, number in zip(holds, sums, strict=True)]


def _lines(keys: Sequence[str], counts: Sequence[Count], using: str) -> list[Behind]:
    found = [(key, count) for key, count in zip(keys, counts, strict=False) if count]
    told = sorted(found, key=lambda one: (-int(one[1]), one[0]))[:MOST]
    limits = Limit.objects.using(using).in_bulk([key for key, _count in told]) if told else {}
    return [Behind(str(limits.get(key, key)), count, key) for key, count in told]


def aged(lines: Sequence[Behind]) -> list[Line]:
    """Return lines with the age of the first row of each: one statement more for each."""
    return [Line(one.what, int(one.rows), _age(one.key)) for one in lines]


def _waiting(rows: TaskQuerySet) -> TaskQuerySet:
    return rows.filter(status=states.QUEUED, held_by__gt="")


def _age(key: str) -> float:
    line: Any = parking.parked(Task.objects.on_primary(), key)
    first = line.annotate(age=Moment() - F("created")).values_list("age", flat=True).first()
    return 0.0 if first is None else round(first.total_seconds(), 3)
