"""
The five fields of a ``crontab``, as Celery reads them, and the local times that they name.

A day has to fit its day of the week, its day of the month and its month: as in Celery, and other
than in cron, which takes either of the first two.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cached_property, lru_cache
from typing import Any

#: Days of each month, of February in a leap year.
DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)

#: The names that Celery gives the fields, in the order in which cron has them.
FIELDS = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")

#: Days after which there is no next one: the 29th of February is a Monday every 28 years, around a
#: century without a leap year after 40.
HORIZON = timedelta(days=366 * 45)


@dataclass(frozen=True)
class Cron:
    """
    The times of a ``crontab``; ``text`` has its fields in the order of cron.

    ``is_wild``: the minute or the hour begins with ``*``, by which cron tells steps of real time
    from times of the day.
    """

    text: str
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    is_wild: bool

    def __str__(self) -> str:
        return self.text

    def has_day(self, day: date) -> bool:
        """Return whether it names times of ``day``."""
        fits = day.month in self.months and day.day in self.days
        return fits and day.isoweekday() % 7 in self.weekdays

    def days_from(self, first: date) -> Iterator[date]:
        """Yield the days that it names, from ``first`` on, for as long as there can be a next."""
        last = min(first, date.max - HORIZON) + HORIZON
        day = first
        while day < last:
            if day.month not in self.months:
                day = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
                continue
            if self.has_day(day):
                yield day
            day += timedelta(days=1)

    @cached_property
    def times(self) -> tuple[time, ...]:
        """The times that it names of each such day, in their order."""
        return tuple(time(hour, minute) for hour in self.hours for minute in self.minutes)

    def on(self, day: date) -> Iterator[datetime]:
        """Yield the local times that it names of ``day``."""
        for each in self.times:
            yield datetime.combine(day, each)


def of_crontab(crontab: Any) -> Cron:
    """Return the times of Celery's ``crontab``; ``ValueError``: there never is one."""
    fields = {name: _field(crontab, name) for name in FIELDS}
    cron = _made(crontab, fields)
    if not any(day <= DAYS[month - 1] for month in cron.months for day in cron.days):
        raise ValueError(
            f"{crontab!r} never comes: none of its months has such a day. day_of_month is 1 to 31, "
            f"and must be there in one of the months of month_of_year."
        )
    return cron


def _made(crontab: Any, fields: dict[str, str]) -> Cron:
    return Cron(
        text=" ".join(fields.values()),
        minutes=tuple(sorted(crontab.minute)),
        hours=tuple(sorted(crontab.hour)),
        days=frozenset(crontab.day_of_month),
        months=frozenset(crontab.month_of_year),
        weekdays=frozenset(crontab.day_of_week),
        is_wild=fields["minute"].startswith("*") or fields["hour"].startswith("*"),
    )


def _field(crontab: Any, name: str) -> str:
    """Return a field as it was written; as numbers, if it was no text."""
    written = getattr(crontab, f"_orig_{name}")  # it has no public name
    if isinstance(written, str):
        return "".join(written.split())
    return _numbers(getattr(crontab, name))


def _numbers(values: Iterable[int]) -> str:
    return ",".join(map(str, sorted(values)))


@lru_cache(maxsize=4096)
def of_text(text: str) -> Cron:
    """Return what :attr:`Cron.text` was written of; ``ValueError`` says what is wrong with it."""
    from celery.schedules import ParseException, crontab

    fields = dict(zip(FIELDS, text.split(), strict=False))
    if len(text.split()) != len(FIELDS):
        raise ValueError(
            f"{text!r:.80} is no crontab: it has five fields, parted by blanks: minute, hour, day "
            f"of the month, month, day of the week; as in '30 8 * * mon-fri'."
        )
    try:
        return of_crontab(crontab(**fields))
    except (ParseException, ValueError) as error:
        raise ValueError(f"{text!r:.80} is no crontab: {error}") from None
