"""
Cron monitors of Sentry: one for each schedule, by which Sentry says that a slot was missed.

A row about one object brings along what its monitor is, and its run checks in. A slot over many
objects checks in when its rows are made: each of them is an event of its own if it fails.
"""

import hashlib
import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.utils.text import slugify
from sentry_sdk.crons import MonitorStatus, capture_checkin

from boogie.apps.tasks.enqueue import origin
from boogie.apps.tasks.lifecycle import states
from boogie.apps.tasks.recurrence.when import Interval

#: What a row carries its monitor as, beside the headers of its trace.
MONITOR = "boogie-monitor"

#: Characters that Sentry allows for the name of a monitor in addresses.
MAX_SLUG = 50
#: Sentry's units of time, the longest first, in seconds.
UNITS = (("day", 86400), ("hour", 3600), ("minute", 60))
#: How a check-in ends.
ENDS = {
    states.FINISHED: MonitorStatus.OK,
    states.FAILED: MonitorStatus.ERROR,
    states.CANCELLED: MonitorStatus.ERROR,
}


def of_new_row(is_pattern: bool) -> dict[str, str]:
    """Return what a row of a slot carries; ``is_pattern``: many rows, of which the slot tells."""
    schedule = getattr(origin.current(), "schedule", None)
    if schedule is None or (config := _config(schedule)) is None:
        return {}
    monitor: dict[str, Any] = {"monitor_slug": slug(schedule.name), "monitor_config": config}
    if not is_pattern:
        return {MONITOR: json.dumps(monitor)}
    key = uuid.uuid5(uuid.NAMESPACE_OID, f"{schedule.pk} {schedule.slot or schedule.next_run}").hex
    capture_checkin(check_in_id=key, status=MonitorStatus.OK, **monitor)
    return {}


@contextmanager
def checked_in(data: dict[str, str], run: Any) -> Iterator[None]:
    """Tell the monitor of a row that its run begins, and how it ends: all attempts are one."""
    if MONITOR not in data:
        yield
        return
    about = {"check_in_id": run.row.pk.hex, **json.loads(data[MONITOR])}
    capture_checkin(status=MonitorStatus.IN_PROGRESS, **about)
    try:
        yield
    finally:
        if run.outcome in ENDS:
            capture_checkin(status=ENDS[run.outcome], **about)


def slug(name: str) -> str:
    """Return what the monitor of the schedule ``name`` is called."""
    found = slugify(name.translate(str.maketrans(".:/", "---")))
    if 0 < len(found) <= MAX_SLUG and not found.isdecimal():
        return found
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{found[: MAX_SLUG - 9] or 'schedule'}-{digest}"


def _config(schedule: Any) -> dict[str, Any] | None:
    """Return when a schedule is due, as Sentry has it; ``None``: more often than Sentry knows."""
    when = schedule.recurrence
    if not isinstance(when, Interval):
        times: dict[str, Any] = {"type": "crontab", "value": str(when)}
        return {"schedule": times, "timezone": schedule.time_zone}
    seconds = when.every.total_seconds()
    for unit, length in UNITS:
        if seconds % length == 0:
            times = {"type": "interval", "value": int(seconds // length), "unit": unit}
            return {"schedule": times, "timezone": schedule.time_zone}
    return None
