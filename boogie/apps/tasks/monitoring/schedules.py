"""
Schedules of which something is wrong, and what to do about it. One statement.
"""

from dataclasses import dataclass
from typing import Any

from boogie.apps.tasks.db.moments import in_utc
from boogie.apps.tasks.models import Schedule
from boogie.apps.tasks.models.scheduled.querysets import ScheduleQuerySet

#: Seconds after which a slot that nobody has taken is late.
LATE = 60.0
#: Schedules that are named.
NAMED = 20

GONE, FAILING, LATE_ONE, NEVER = "gone", "failing", "late", "never"


@dataclass(frozen=True, slots=True)
class Wrong:
    """One that makes no rows as it should: ``gone``, ``failing``, ``late`` or ``never`` due."""

    name: str
    task: str
    what: str
    #: Whether code declared it.
    declared: bool
    #: Why a slot could not be made.
    error: str
    #: For how many seconds its slot has been due; 0: it is not.
    late: float

    @property
    def problem(self) -> str:
        """What is wrong and what to do, in English."""
        about = f"the schedule {self.name!r} of {self.task}"
        if self.what == GONE and self.declared:
            return f"{about} does nothing: no code declares it; delete it, or declare it again"
        if self.what == GONE:
            return (
                f"{about} does nothing: its task is gone; delete it, or list the old name in the "
                f"aliases of the task"
            )
        if self.what == FAILING:
            return f"{about} makes no rows: {self.error}; mend that, or delete the schedule"
        if self.what == NEVER:
            return (
                f"{about} has no slot any more: its time never comes; give it another time, pause "
                f"it or delete it"
            )
        return (
            f"{about} is late by {self.late:.0f} s; see whether a worker lives whose code declares "
            f"its task"
        )


def to_worry_about() -> ScheduleQuerySet:
    """Return the schedules that are gone, failing, late or never due."""
    return Schedule.objects.on_primary().to_worry_about(LATE)


def wrong() -> list[Wrong]:
    """Tell of these, those that were due first first."""
    found: Any = to_worry_about().with_now()
    return [_wrong(one) for one in found.order_by("next_run", "pk")[:NAMED]]


def _wrong(one: Any) -> Wrong:
    due = None if one.next_run is None else in_utc(one.next_run)
    late = 0.0 if due is None else max(0.0, (in_utc(one.now) - due).total_seconds())
    return Wrong(one.name, one.task, _what(one), one.declared, one.error, late)


def _what(one: Schedule) -> str:
    if one.is_gone:
        return GONE
    if one.error:
        return FAILING
    return NEVER if one.next_run is None else LATE_ONE
