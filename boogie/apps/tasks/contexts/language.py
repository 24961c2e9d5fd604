"""
The language and the time zone that were active when a row was made.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from django.utils import timezone, translation


class Language:
    """Active language and time zone."""

    def capture(self) -> dict[str, Any]:
        """Return both, by their names; a zone that has none is left out."""
        zone = timezone.get_current_timezone()
        return {"language": translation.get_language(), "time_zone": _name(zone)}

    @contextmanager
    def restore(self, data: dict[str, Any]) -> Iterator[None]:
        """Have them active; what the body activates itself ends with it."""
        zone = data["time_zone"]
        around = nullcontext() if zone is None else timezone.override(_zone(zone))
        with translation.override(data["language"]), around:
            yield


def _name(zone: tzinfo) -> str | int | None:
    """Return the name of a zone, or the minutes of one that is always so far from UTC."""
    if name := getattr(zone, "key", None):
        return str(name)
    offset = zone.utcoffset(None)
    return None if offset is None else int(offset / timedelta(minutes=1))


def _zone(name: str | int) -> tzinfo:
    return timezone.get_fixed_timezone(name) if isinstance(name, int) else ZoneInfo(name)
