"""
How far local time is from UTC, and at which second clocks are changed.
"""

from datetime import datetime, timedelta, tzinfo


def at(zone: tzinfo, moment: datetime) -> timedelta:
    """Return how far local time is ahead of UTC at an aware ``moment``."""
    return moment.astimezone(zone).utcoffset() or timedelta(0)


def change(zone: tzinfo, before: datetime, after: datetime) -> datetime:
    """Return the second at which clocks are changed between two aware moments, which differ."""
    old = at(zone, before)
    while after - before > timedelta(seconds=1):
        between = (before + (after - before) / 2).replace(microsecond=0)
        if at(zone, between) == old:
            before = between
        else:
            after = between
    return after
