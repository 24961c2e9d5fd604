"""
Durations and numbers in words.
"""

from datetime import timedelta

from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext


def duration(span: timedelta | None) -> str:
    """Return a span as people read it: two units at most."""
    if span is None:
        return ""
    seconds = span.total_seconds()
    if seconds < 1:
        return _("%(number)d ms") % {"number": round(seconds * 1000)}
    if seconds < 10:
        return _("%(number).1f s") % {"number": seconds}
    return _in_units(int(seconds))


def rough(span: timedelta) -> str:
    """Return a span in its largest unit."""
    return _in_units(int(span.total_seconds()), most=1)


def short_name(name: str) -> str:
    """Return the end of a task's dotted name, which tells it apart: module and function."""
    return ".".join(name.split(".")[-2:])


def _in_units(seconds: int, most: int = 2) -> str:
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


def rows(number: int, shown: str = "") -> str:
    """Return a number of rows in words; ``shown`` stands for the number."""
    return ngettext("%(number)s row", "%(number)s rows", number) % {"number": shown or number}
