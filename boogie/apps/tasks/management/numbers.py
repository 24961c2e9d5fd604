"""
Numbers of a command line: what argparse takes for a ``type``, and the words for what it refuses.
"""

import math
from argparse import ArgumentTypeError

#: What no count exceeds: databases refuse a LIMIT that is much more.
MOST = 2**31 - 1


def seconds(text: str) -> float:
    """Return a number of seconds, 0 or more."""
    found = _number(text)
    if not found >= 0:
        raise ArgumentTypeError(f"{text!r} is no number of seconds, 0 or more")
    return found


def positive_seconds(text: str) -> float:
    """Return a number of seconds above 0."""
    found = _number(text)
    if not found > 0:
        raise ArgumentTypeError(f"{text!r} is no number of seconds above 0")
    return found


def count(text: str) -> int:
    """Return a whole number, 0 or more."""
    return _whole(text, 0)


def positive_count(text: str) -> int:
    """Return a whole number, 1 or more."""
    return _whole(text, 1)


def _number(text: str) -> float:
    """Return a finite number, else one that no comparison is true of."""
    try:
        found = float(text)
    except ValueError:
        return math.nan
    return found if math.isfinite(found) else math.nan


def _whole(text: str, least: int) -> int:
    try:
        found = int(text)
    except ValueError:
        found = least - 1
    if not least <= found <= MOST:
        most = f", and {MOST} at most" if found > MOST else ""
        raise ArgumentTypeError(f"{text!r} is no whole number, {least} or more{most}")
    return found
