"""
The slots of a :class:`~.cron.Cron` in a time zone: moments, where local times may be missing or
come twice.

As cron does it: a time of the day that does not exist comes at the first instant that does, one
that comes twice at the first of them only. Steps (a minute or hour that begins with ``*``) are
of real time: they come as often as their local time does.
"""

from bisect import bisect_right
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from . import offsets
from .cron import Cron

#: Local time differs from UTC by less than that, and is set back or forward by no more.
DAY = timedelta(days=1)
HALF = timedelta(hours=12)

#: How many half days around a day in UTC, from its beginning, have to do with it.
AROUND = range(-2, 5)


def next_after(cron: Cron, zone: ZoneInfo, moment: datetime) -> datetime | None:
    """Return the first slot strictly after ``moment``, in UTC; ``None``: there is no other."""
    moment = moment.astimezone(UTC)
    try:
        first = moment.astimezone(zone).date() - DAY
        return next(_after(cron, zone, moment, first), None)
    except OverflowError:  # before the year 1, or after 9999
        return None


def _after(cron: Cron, zone: ZoneInfo, moment: datetime, first: date) -> Iterator[datetime]:
    """Yield the slots after ``moment`` of the first day that has any, the first of them first."""
    found: list[datetime] = []
    for day in cron.days_from(first):
        # What is missing of a day comes on the next one: that may be before its own.
        if found and day > _local(zone, found[0]) + DAY:
            break
        offset = _offset_of(zone, day)
        if offset is not None:
            found += _first_of_even(cron, day, offset, moment)
        else:
            found += [slot for slot in _of_uneven(cron, zone, day) if slot > moment]
    yield from sorted(found)


def _local(zone: ZoneInfo, moment: datetime) -> date:
    return moment.astimezone(zone).date()


@lru_cache(maxsize=4096)
def _offset_of(zone: ZoneInfo, day: date) -> timedelta | None:
    """Return the offset that a zone has on and around ``day``; ``None``: not always the same."""
    begin = datetime.combine(day, time(), UTC)
    found = {offsets.at(zone, begin + HALF * n) for n in AROUND}
    return found.pop() if len(found) == 1 else None


def _first_of_even(
    cron: Cron, day: date, offset: timedelta, moment: datetime
) -> Iterator[datetime]:
    """Yield the first slot after ``moment`` of a day on which no clock is changed."""
    local = (moment + offset).replace(tzinfo=None)
    begin = 0 if local.date() < day else bisect_right(cron.times, local.time())
    if local.date() <= day and begin < len(cron.times):
        yield (datetime.combine(day, cron.times[begin]) - offset).replace(tzinfo=UTC)


@lru_cache(maxsize=512)
def _of_uneven(cron: Cron, zone: ZoneInfo, day: date) -> tuple[datetime, ...]:
    """Return the slots of a day on or around which clocks are changed."""
    of_one = _real if cron.is_wild else _daily
    return tuple(sorted({slot for local in cron.on(day) for slot in of_one(zone, local)}))


def _real(zone: ZoneInfo, local: datetime) -> Iterator[datetime]:
    """Yield each moment at which it is ``local``."""
    for fold in (0, 1):
        moment = _moment(zone, local, fold)
        if _is(zone, moment, local):
            yield moment


def _daily(zone: ZoneInfo, local: datetime) -> Iterator[datetime]:
    """Yield the moment at which it is ``local`` first, or has become later than that."""
    early, late = _moment(zone, local, 0), _moment(zone, local, 1)
    yield early if _is(zone, early, local) else offsets.change(zone, late, early)


def _moment(zone: ZoneInfo, local: datetime, fold: int) -> datetime:
    return local.replace(tzinfo=zone, fold=fold).astimezone(UTC)


def _is(zone: ZoneInfo, moment: datetime, local: datetime) -> bool:
    return moment.astimezone(zone).replace(tzinfo=None, fold=0) == local
