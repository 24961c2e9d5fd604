"""
When a row may start.
"""

import numbers
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from boogie.apps.tasks.db.clock import Moment


def start_time(name: str, when: Any) -> Any:
    """
    Return when a scheduled row may start: an expression in database time, or a datetime.

    A number (seconds) or ``timedelta`` counts from now; a naive ``datetime`` is
    taken in the current time zone. Anything else is a ``TypeError``.
    """
    if isinstance(when, datetime):
        return stored(when)
    if isinstance(when, timedelta):
        return Moment(max(0.0, when.total_seconds()))
    if isinstance(when, numbers.Real) and not isinstance(when, bool):
        return Moment(_finite(name, float(when)))
    raise TypeError(
        f"{name}: the time must be a number of seconds, a timedelta or a datetime, "
        f"not {when!r:.80} of type {type(when).__qualname__}."
    )


def _finite(name: str, delay: float) -> float:
    try:
        timedelta(seconds=delay)
    except (OverflowError, ValueError):
        raise ValueError(f"{name}: cannot schedule {delay!r} seconds from now.") from None
    return max(0.0, delay)


def stored(when: datetime) -> datetime:
    """Return ``when`` as a ``DateTimeField`` wants it."""
    if settings.USE_TZ:
        return timezone.make_aware(when) if timezone.is_naive(when) else when
    # In the zone of the database, not in one that is active for a user.
    zone = timezone.get_default_timezone()
    return timezone.make_naive(when, zone) if timezone.is_aware(when) else when
