"""
When a schedule is due: Celery's ``crontab``, or a ``timedelta``; and how either is stored.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils.dateparse import parse_duration
from django.utils.duration import duration_iso_string, duration_string

from . import cron, slots, zones
from .cron import Cron

#: Characters of what is stored.
MAX_TEXT = 400

#: What says what fits.
FITS = "crontab(...) of celery.schedules, or a timedelta"


@dataclass(frozen=True)
class Interval:
    """So much real time from one slot to the next; whatever the zone."""

    every: timedelta

    def __str__(self) -> str:
        return duration_iso_string(self.every)

    def next_after(self, moment: datetime, begin: datetime) -> datetime | None:
        """Return the first slot strictly after ``moment``; ``begin`` is one of them."""
        steps = (moment - begin) // self.every + 1
        try:
            return (begin + steps * self.every).astimezone(UTC)
        except OverflowError:
            return None


When = Cron | Interval


def of(when: Any) -> When:
    """
    Return what was given as a time to repeat something.

    Raise ``TypeError`` for another type, ``ValueError`` for what never comes, both say what fits.
    """
    from celery.schedules import crontab

    if isinstance(when, Cron | Interval):  # what was read of text
        return when
    if isinstance(when, timedelta):
        return interval(when)
    if type(when) is crontab:  # one that inherits from it may mean something else
        found = cron.of_crontab(when)
        if len(found.text) > MAX_TEXT:
            raise ValueError(f"{when!r:.200} is too long: at most {MAX_TEXT} characters.")
        return found
    raise TypeError(f"A schedule takes {FITS}; not {_told(when)}.")


def _told(when: Any) -> str:
    kind = type(when)
    told = f"{when!r:.80} of type {kind.__qualname__}"
    if isinstance(when, int | float) and not isinstance(when, bool):
        return f"{told}: is it timedelta(seconds={when!r:.20})?"
    if isinstance(when, str):
        return f"{told}: is it crontab.from_string({when!r:.40})?"
    if kind.__name__ == "solar":
        return f"{told}: the sun keeps to no clock; beat can go on with that beside it"
    return told


def interval(every: timedelta) -> Interval:
    """Return an interval; ``ValueError`` if it never comes to an end, or begins."""
    if every <= timedelta(0):
        raise ValueError(f"A schedule's timedelta must be more than 0; it is {every!r}.")
    return Interval(every)


def of_text(text: str) -> When:
    """Return what ``str()`` of it wrote, or people: five fields, or a length of time."""
    text = text.strip()
    if len(text.split()) > 2:
        return cron.of_text(" ".join(text.split()))
    try:
        every = parse_duration(text) if text else None
    except (ValueError, OverflowError):
        every = None
    if every is None:
        raise ValueError(
            f"{text!r:.80} is no time to repeat something: write five fields of cron, as in "
            f"'30 8 * * mon-fri', or a length of time, as in '01:30:00'."
        )
    return interval(every)


def as_written(text: str) -> str:
    """Return what ``str()`` wrote as people write it, and :func:`of_text` reads: no ISO 8601."""
    try:
        found = of_text(text)
    except ValueError:
        return text
    return duration_string(found.every) if isinstance(found, Interval) else str(found)


def next_after(when: When, zone: str, moment: datetime, begin: datetime) -> datetime | None:
    """
    Return the first slot strictly after ``moment``, an aware datetime, in UTC; ``None``: no other.

    ``begin`` is one slot of an interval, before or after that.
    """
    if not isinstance(moment, datetime):
        raise TypeError(f"A slot is looked for after an aware datetime, not {moment!r:.80}.")
    if moment.tzinfo is None or moment.utcoffset() is None:
        raise ValueError(
            f"A slot is looked for after an aware datetime, not after the naive {moment!r}: give "
            f"it a tzinfo, such as datetime.UTC."
        )
    if isinstance(when, Interval):
        return when.next_after(moment.astimezone(UTC), begin.astimezone(UTC))
    return slots.next_after(when, zones.named(zone), moment)
