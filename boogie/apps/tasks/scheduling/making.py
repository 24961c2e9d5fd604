"""
The rows of a slot: of one object, or of a portion of many.

A slot is taken, or gone on with, by one guarded UPDATE, in the transaction that inserts its rows.
While there are more objects than one portion has, the schedule says of which slot and how far.
"""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import models, transaction

from boogie.apps.tasks import schedules
from boogie.apps.tasks.adjusted import Adjusted
from boogie.apps.tasks.db import outages
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.db.connections import written_to
from boogie.apps.tasks.db.moments import in_utc
from boogie.apps.tasks.enqueue import many, one
from boogie.apps.tasks.enqueue.origin import scheduled_by
from boogie.apps.tasks.models import Schedule, Task
from boogie.apps.tasks.models.scheduled.querysets import ScheduleQuerySet

from . import objects

#: A slot that nobody has taken for so long was missed: but for one with less time to the next,
#: which has at least this.
MISSED_AFTER, AT_LEAST = timedelta(seconds=60), timedelta(seconds=5)

Changes = dict[str, Any]


def take(schedule: Schedule, now: datetime) -> bool:
    """
    Make the slot of a schedule that is due; return whether there is more of it to make.

    Nothing is done if somebody else was faster. ``now`` is the time of the database.
    """
    slot = in_utc(schedule.next_run)
    following = schedule.next_after(now)
    taken: Changes = {"next_run": following, "error": "", "retry_at": None}
    if schedule.missed == schedules.SKIP and _was_missed(schedule, slot, now):
        _change(_due(schedule), taken)
        return False
    taken["last_run"] = Moment()
    if schedule.content_type_id is not None:
        _make_one(schedule, _due(schedule), taken)
        return False
    return _make_portion(schedule, _due(schedule), taken, slot)


def go_on(schedule: Schedule) -> bool:
    """Make the next portion of a slot; return whether there is more of it to make."""
    behind = _itself(schedule).filter(slot=schedule.slot, cursor=schedule.cursor)
    return _make_portion(schedule, behind, {"error": "", "retry_at": None})


def at_once(schedule: Schedule) -> Task | None:
    """
    Make the rows of a schedule now, whether it is due or not; see ``Schedule.run_now()``.

    One whose slot is being made at this moment makes no other.
    """
    itself = _itself(schedule)
    if schedule.content_type_id is not None:
        return _make_one(schedule, itself, {"last_run": Moment()})
    outages.unlocked(itself.db, partial(_open, itself))
    return None


def _open(itself: ScheduleQuerySet) -> None:
    with transaction.atomic(using=itself.db):
        if itself.filter(slot=None).update(slot=Moment(), cursor=""):
            _make_portion(itself.get(), itself, {"last_run": Moment()})


def put_off(schedule: Schedule, seconds: float, error: str) -> None:
    """Have nobody try a slot for some seconds, and say why."""
    same = _itself(schedule).filter(next_run=schedule.next_run, slot=schedule.slot)
    _change(same, {"retry_at": Moment(seconds), "error": error})


def pass_over(schedule: Schedule, now: datetime, error: str) -> None:
    """Leave a slot out that can never be made, and say why."""
    _change(_due(schedule), {"next_run": schedule.next_after(now), "error": error})


def _was_missed(schedule: Schedule, slot: datetime, now: datetime) -> bool:
    second = schedule.next_after(slot)
    gap = MISSED_AFTER if second is None else second - slot
    return now - slot > max(AT_LEAST, min(MISSED_AFTER, gap))


# --- guarded --------------------------------------------------------------------------


def _itself(schedule: Schedule) -> ScheduleQuerySet:
    return Schedule.objects.using(written_to(schedule)).filter(pk=schedule.pk)


def _due(schedule: Schedule) -> ScheduleQuerySet:
    """Return the schedule as long as nobody has taken its slot, or changed what is to be done."""
    same = {"when": schedule.when, "next_run": schedule.next_run}
    return _itself(schedule).enabled().filter(slot=None, **same)


def _change(same: ScheduleQuerySet, changes: Changes) -> int:
    return outages.unlocked(same.db, partial(same.update, **changes))


# --- rows -----------------------------------------------------------------------------


def _make_one(schedule: Schedule, same: ScheduleQuerySet, changes: Changes) -> Task | None:
    """Make the row about the object of a schedule, if ``same`` still has that; return it."""
    obj = schedule.get_object()
    args, kwargs = schedule.get_arguments()
    origin = _origin(schedule)
    task = _maker(schedule)

    def make() -> Task | None:
        with transaction.atomic(using=same.db):
            if not same.update(**changes):
                return None
            with origin():
                return one.queued(task, obj, tuple(args), kwargs)

    return outages.unlocked(same.db, make)


def _make_portion(
    schedule: Schedule, same: ScheduleQuerySet, changes: Changes, slot: Any = None
) -> bool:
    """
    Make rows of a declared schedule, if ``same`` still has that; return whether there are more.

    ``slot``: the one that begins so; else its own goes on.
    """
    args, kwargs = schedule.get_arguments()
    origin = _origin(schedule)
    task = _maker(schedule)

    def make() -> bool:
        with transaction.atomic(using=same.db):
            if not same.update(**changes):
                return False
            found, is_parted = _portion_of(schedule)
            with origin():
                read = many.portion(task, found, tuple(args), kwargs)
            is_more = is_parted and read.number >= objects.PORTION
            if is_more:
                _itself(schedule).update(slot=slot or schedule.slot, cursor=read.last)
            elif schedule.slot is not None:
                _itself(schedule).update(slot=None, cursor="")
            return is_more

    return outages.unlocked(same.db, make)


def _portion_of(schedule: Schedule) -> tuple[Iterable[Any], bool]:
    """Return the objects whose turn it is, and whether others may come behind them."""
    declared: Any = schedule.recurring
    found = declared.objects()
    if isinstance(found, models.Manager):
        found = found.all()
    if objects.can_be_parted(found):
        return objects.after(found, schedule.cursor, objects.PORTION), True
    if schedule.cursor:
        raise ValueError(
            f"{schedule.name}: a part of its rows is made of a queryset, and now objects() returns "
            f"what cannot be read from a key on. Pause and resume it to leave out the others."
        )
    return found, False


def _maker(schedule: Schedule) -> Any:
    """Return the task of a schedule, with the options of its rows."""
    options = dict(schedule.options)
    return Adjusted(schedule.declaration, options) if options else schedule.declaration


def _origin(schedule: Schedule) -> Callable[[], AbstractContextManager[None]]:
    """Return what makes the context in which its rows are made: with who asked for them."""
    return partial(scheduled_by, schedule, schedule.requested_by)
