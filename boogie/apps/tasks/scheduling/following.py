"""
Rows of what code declares: made, and changed when that changes. What was paused stays so.
"""

import logging
from datetime import datetime
from typing import Any

from django.utils import timezone

from boogie.apps.tasks import schedules
from boogie.apps.tasks.db import clock
from boogie.apps.tasks.models import Schedule
from boogie.apps.tasks.models.stored import primary
from boogie.apps.tasks.recurrence import when as recurrence
from boogie.apps.tasks.schedules import Recurring
from boogie.apps.tasks.serialization import payloads

logger = logging.getLogger(__name__)

#: What decides when the next slot is.
TIMES = ("when", "time_zone")


def follow() -> None:
    """Have a row for each schedule that this process declares, and have it say what that says."""
    declared = schedules.declared()
    if not declared:
        return
    using = primary(Schedule)
    now = clock.read(using)
    known = Schedule.objects.using(using).filter(name__in=[one.name for one in declared])
    there = {schedule.name: schedule for schedule in known}
    made = [_new(one, now) for one in declared if one.name not in there]
    # Another worker may begin at this moment.
    Schedule.objects.using(using).bulk_create(made, ignore_conflicts=True)
    for one in declared:
        if one.name in there:
            _change(there[one.name], one, now)


def _new(one: Recurring, now: datetime) -> Schedule:
    schedule = Schedule(name=one.name, declared=True, **_said(one))
    schedule.next_run = recurrence.next_after(one.when, schedule.time_zone, now, now)
    return schedule


def _said(one: Recurring) -> dict[str, Any]:
    """Return what a row says of a schedule as it is declared."""
    args, kwargs = payloads.pack_arguments(one.task, one.args, dict(one.kwargs))
    return {
        "task": one.task.name,
        "when": str(one.when),
        "time_zone": one.time_zone or timezone.get_default_timezone_name(),
        "missed": one.missed,
        "args": args,
        "kwargs": kwargs,
    }


def _change(schedule: Schedule, one: Recurring, now: datetime) -> None:
    if not schedule.declared:
        logger.error(
            "The schedule %r of %s is not made: there is another one of that name, which code does "
            "not declare. Give one of them another name.",
            one.name,
            one.task.name,
        )
        return
    said = _said(one)
    changed = {name: value for name, value in said.items() if getattr(schedule, name) != value}
    if not changed:
        return
    if not changed.keys().isdisjoint(TIMES):
        changed["next_run"] = recurrence.next_after(one.when, said["time_zone"], now, now)
    Schedule.objects.using(schedule._state.db).filter(pk=schedule.pk).update(**changed)
