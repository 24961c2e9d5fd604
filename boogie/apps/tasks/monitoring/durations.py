"""
How long rows waited and ran, and durations in words.

Never negative: clocks differ, and rows are moved by hand.
"""

from datetime import datetime, timedelta

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from boogie.apps.tasks.db import clock
from boogie.apps.tasks.db.moments import in_utc
from boogie.apps.tasks.lifecycle import states
from boogie.apps.tasks.models import Task

_ENDED_OR_RUNNING = frozenset([states.RUNNING, *states.ENDED])


def might_run(row: Task) -> datetime:
    """Return from when on a worker might have begun a row: it was made, and its time had come."""
    return max(in_utc(time) for time in (row.created, row.scheduled_for) if time is not None)


def waited(row: Task) -> timedelta | None:
    """
    Return how long a row waited for a worker, from when it might have run.

    ``None`` for one that is paused, whose time has not come, or that was tried before: what it
    waited for the attempt of now is not kept.
    """
    if row.status == states.QUEUED and row.attempt == 0:
        waits = clock.here() - might_run(row)
        return waits if waits >= timedelta() else None
    if row.started is None or row.attempt != 1 or row.status not in _ENDED_OR_RUNNING:
        return None
    return max(timedelta(), in_utc(row.started) - might_run(row))


def ran(row: Task) -> timedelta | None:
    """Return how long the last attempt ran, or runs by now; ``None`` if there was none."""
    if row.started is None:
        return None
    end = in_utc(row.ended) if row.ended is not None else clock.here()
    return max(timedelta(), end - in_utc(row.started))


def age(moment: datetime) -> timedelta:
    """Return how long ago ``moment`` was."""
    return max(timedelta(), clock.here() - in_utc(moment))


def in_words(span: timedelta | None) -> str:
    """Return a span as people read it: two units at most."""
    if span is None:
        return ""
    seconds = span.total_seconds()
    if seconds < 1:
        return _("%(number)d ms") % {"number": round(seconds * 1000)}
    if seconds < 10:
        return _("%(number)s s") % {"number": number_format(seconds, 1)}
    return in_units(int(seconds))


def in_units(seconds: int, most: int = 2) -> str:
    """Return whole seconds in so many units at ``most``."""
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [
        (days, pgettext("duration", "d")),
        (hours, pgettext("duration", "h")),
        (minutes, pgettext("duration", "min")),
        (seconds, pgettext("duration", "s")),
    ]
    first = next((at for at, (number, _unit) in enumerate(parts) if number), 3)
    shown = [(number, unit) for number, unit in parts[first : first + most] if number]
    return " ".join(f"{number} {unit}" for number, unit in shown) or f"0 {parts[3][1]}"
