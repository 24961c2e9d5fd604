"""
Times and durations as the dashboard shows them.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from boogie.apps.tasks.db import clock
from boogie.apps.tasks.db.moments import in_utc
from boogie.apps.tasks.monitoring import durations
from boogie.apps.tasks.rollups.ranges import Range

#: How a point is called, by the longest step of a series for which it is.
FORMATS = ((900, "H:i"), (3600, "D H:i"), (86400, "j M"))


def local(moment: datetime) -> datetime:
    """Return a moment as templates take it, in the time zone of now."""
    there = timezone.localtime(in_utc(moment))
    return there if settings.USE_TZ else there.replace(tzinfo=None)


def label(moment: datetime, range_: Range) -> str:
    """Return what a point of a series is called."""
    form = next(form for step, form in FORMATS if range_.step <= step)
    return date_format(local(moment), form)


def ranges() -> dict[str, str]:
    """Return what the ranges are called, by their names in the URL."""
    return {"1h": _("1 h"), "24h": _("24 h"), "7d": _("7 d"), "30d": _("30 d")}


def in_words(seconds: float | None) -> str:
    """Return a duration as people read it; nothing for ``None``. Never negative."""
    return durations.in_words(None if seconds is None else timedelta(seconds=max(0.0, seconds)))


def ago(moment: datetime) -> str:
    """Return how long ago a moment was, in words."""
    return durations.in_words(durations.age(moment))


def until(moment: datetime) -> str:
    """Return how far ahead a moment is, in words."""
    return in_words((in_utc(moment) - clock.here()).total_seconds())
