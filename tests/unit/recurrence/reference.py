"""
Slots as cron finds them: it wakes up every real minute and looks at the clock on the wall.

Slow, and made of nothing that the room ``recurrence`` is made of.
"""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

MINUTE = timedelta(minutes=1)

NAMES = {
    **{name: n for n, name in enumerate(("sun", "mon", "tue", "wed", "thu", "fri", "sat"))},
}

BOUNDS = {
    "minute": (0, 59),
    "hour": (0, 23),
    "day_of_week": (0, 6),
    "day_of_month": (1, 31),
    "month_of_year": (1, 12),
}


def slots(fields, zone, begin, end):
    """Return the slots of the crontab of ``fields`` from ``begin`` until before ``end``, in UTC."""
    is_wild = fields.get("minute", "*")[0] == "*" or fields.get("hour", "*")[0] == "*"
    wanted = {name: _expanded(fields.get(name, "*"), name) for name in BOUNDS}
    return [
        moment
        for moment, wall, passed in minutes(zone, begin, end)
        if any(_fits(wanted, one) for one in ([wall] if is_wild else passed))
    ]


@lru_cache(maxsize=32)
def minutes(zone, begin, end):
    """Return each minute with the time on the wall, and the times that have become past then."""
    zone, found = ZoneInfo(zone), []
    moment = begin - timedelta(days=3)
    latest = _wall(zone, moment - MINUTE)
    while moment < end:
        wall, passed = _wall(zone, moment), []
        while latest < wall:
            latest += MINUTE
            passed.append(latest)
        if moment >= begin:
            found.append((moment, wall, passed))
        moment += MINUTE
    return found


def _wall(zone, moment):
    return moment.astimezone(zone).replace(tzinfo=None)


def _fits(wanted, wall):
    return (
        wall.minute in wanted["minute"]
        and wall.hour in wanted["hour"]
        and wall.day in wanted["day_of_month"]
        and wall.month in wanted["month_of_year"]
        and (wall.weekday() + 1) % 7 in wanted["day_of_week"]
    )


def _expanded(field, name):
    low, high = BOUNDS[name]
    found = set()
    for part in field.split(","):
        whole, _, step = part.partition("/")
        if whole == "*":
            values = range(low, high + 1)
        elif "-" in whole:
            first, last = map(_number, whole.split("-"))
            values = range(first, last + 1)
        else:
            values = [_number(whole)]
        found.update(list(values)[:: int(step or 1)])
    return found


def _number(text):
    return NAMES[text] if re.fullmatch("[a-z]+", text) else int(text)


def utc(*parts):
    return datetime(*parts, tzinfo=UTC)
