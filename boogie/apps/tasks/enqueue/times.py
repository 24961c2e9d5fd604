"""
When a row may start.
"""

import numbers
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from boogie.apps.tasks.db import clock
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.db.moments import in_utc


def start_time(name: str, when: Any) -> Any:
    """
    Return when a scheduled row may start: an expression in database time, or a datetime.

    A number (seconds) or ``timedelta`` counts from now; a naive ``datetime`` is
    taken in the current time zone. Anything else is a ``TypeError``.
    """
    if isinstance(when, datetime):
        return stored(when)
    if isinstance(when, timedelta):
        return Moment(max(0.0, delay(name, when.total_seconds())))
    if isinstance(when, numbers.Real) and not isinstance(when, bool):
        return Moment(max(0.0, delay(name, float(when))))
    raise TypeError(
        f"{name}: the time must be a number of seconds, a timedelta or a datetime, "
        f"not {when!r:.80} of type {type(when).__qualname__}."
    )


def expiry(name: str, expires: Any, when: Any = None) -> Any:
    """
    Return by when a row is to be started: an expression in database time, or a datetime; or none.

    ``expires`` is an option that was checked; ``when``: when the row may start, if that is not now.
    """
    if expires is None:
        return None
    try:
        return stored(expires) if isinstance(expires, datetime) else _counted(name, expires, when)
    except (OverflowError, ValueError):
        raise ValueError(
            f"{name}: a row cannot expire after the year 9999, or before the year 1; expires is "
            f"{expires!r:.80}."
        ) from None


def _counted(name: str, expires: Any, when: Any) -> Any:
    length = expires if isinstance(expires, timedelta) else timedelta(seconds=float(expires))
    if isinstance(when, datetime) and in_utc(when) > clock.here():
        return stored(in_utc(when) + length)
    # What was to start in the past starts now.
    begin = when.seconds if isinstance(when, Moment) else 0.0
    return Moment(delay(name, begin + length.total_seconds()))


#: Between a time and what it is in another zone, and between our clock and the database's.
MARGIN = timedelta(days=2)


def delay(name: str, seconds: float) -> float:
    """Return ``seconds``, or raise ``ValueError`` if there is no date so many seconds from now."""
    try:
        datetime.now() + timedelta(seconds=seconds) + MARGIN
    except (OverflowError, ValueError):
        raise ValueError(
            f"{name}: cannot start {seconds!r} seconds from now; years end with 9999."
        ) from None
    return seconds


def stored(when: datetime) -> datetime:
    """Return ``when`` as a ``DateTimeField`` wants it; ``ValueError``: no other zone has it."""
    try:
        _ = (when - MARGIN, when + MARGIN)
    except OverflowError:
        raise ValueError(f"cannot start at {when}; years go from 1 to 9999.") from None
    if settings.USE_TZ:
        return timezone.make_aware(when) if timezone.is_naive(when) else when
    # In the zone of the database, not in one that is active for a user.
    zone = timezone.get_default_timezone()
    return timezone.make_naive(when, zone) if timezone.is_aware(when) else when
