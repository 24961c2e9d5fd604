"""
Time zones by their names.
"""

import difflib
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

#: Characters of a name.
MAX_NAME = 63


@cache
def named(name: str) -> ZoneInfo:
    """Return the zone called ``name``; ``ValueError`` says what is near if there is none."""
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):  # no file, no name of one, or not found
        raise ValueError(_unknown(name)) from None


def _unknown(name: str) -> str:
    near = difflib.get_close_matches(name, sorted(available_timezones()), n=3)
    hint = f"is it {' or '.join(near)}?" if near else "names are such as 'Europe/Berlin' or 'UTC'."
    return f"There is no time zone {name!r:.80}; {hint}"


def checked(zone: Any) -> str:
    """Return the name of ``zone``: of a ``ZoneInfo``, or a name; raise what says what fits."""
    name = zone.key if isinstance(zone, ZoneInfo) else zone
    if not isinstance(name, str):
        raise TypeError(
            f"time_zone must be the name of a zone such as 'Europe/Berlin', or a ZoneInfo, not "
            f"{zone!r:.80} of type {type(zone).__qualname__}."
        )
    if len(name) > MAX_NAME:
        raise ValueError(_unknown(name))
    named(name)
    return name
