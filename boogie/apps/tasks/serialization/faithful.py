"""
What JSON, or a database, would bring back as something else.
"""

import math
from datetime import datetime, time
from typing import Any


def _in_jsonb_another(value: float) -> bool:
    return abs(value) >= 1e16 or math.copysign(1, value) < 0


def marked(value: Any) -> Any:
    """Return ``value`` with marks on floats that ``jsonb`` would make integers."""
    if isinstance(value, float) and value.is_integer() and _in_jsonb_another(value):
        return {"__type__": "float", "__value__": float.__repr__(value)}
    if isinstance(value, list | tuple):
        return [marked(item) for item in value]
    if isinstance(value, dict):
        return {key: marked(item) for key, item in value.items()}
    return value


def is_whole(value: dict[Any, Any]) -> bool:
    """Return whether a subclass tells just what it holds, by its items and one by one."""
    held = dict.copy(value)
    ways = dict(value.items()), {key: value[key] for key in value}
    return all(
        told.keys() == held.keys() and all(told[key] is held[key] for key in held) for told in ways
    )


def is_equal(back: Any, value: Any) -> bool:
    """Return whether a scalar has come back as it went."""
    if isinstance(value, datetime | time):
        # In an hour that a clock shows twice no two zones are equal to Python; and a zone whose
        # offset depends on the day leaves no trace in a time alone.
        has_zone = back.tzinfo is not None
        return back.isoformat() == value.isoformat() and has_zone == (value.tzinfo is not None)
    return bool(back == value)
