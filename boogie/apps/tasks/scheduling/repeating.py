"""
Making a schedule by code: ``task.repeat(when, obj, ...)``.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import IntegrityError, connections, router, transaction
from django.utils import timezone

from boogie.apps.tasks import registry, schedules
from boogie.apps.tasks.db import clock, features, outages
from boogie.apps.tasks.enqueue import keys
from boogie.apps.tasks.models import Schedule, families, people
from boogie.apps.tasks.models.stored import primary
from boogie.apps.tasks.protocols import Declaration
from boogie.apps.tasks.recurrence import when as recurrence
from boogie.apps.tasks.recurrence import zones
from boogie.apps.tasks.serialization import payloads, references

#: What ``using()`` takes for schedules alone, and what their rows have then.
OWN, OF_ROWS = ("name", "time_zone", "missed"), ("queue", "priority", "expires")

#: Characters of the hash that ends a name.
HASH = 12


def repeat(
    task: Declaration, when: Any, obj: Any, args: Any, kwargs: Any, options: Mapping[str, Any]
) -> Schedule:
    """
    Make a schedule, or return the one that a call like this has made.

    One that has the name, and says something else about the same task and object, is changed.
    Raise ``ValueError`` if the name is of another one.
    """
    schedule = draft(task, when, obj, args, kwargs, options)
    return outages.unlocked(_using(schedule), partial(_store, schedule))


def draft(
    task: Declaration, when: Any, obj: Any, args: Any, kwargs: Any, options: Mapping[str, Any]
) -> Schedule:
    """Check everything about a schedule; return it, not stored yet."""
    found = recurrence.of(when)
    obj = references.check_object(task.name, obj)
    task.check_object(obj)
    task.ensure_bound()
    task.check_call(None, *args, **kwargs)
    schedule = Schedule(
        task=task.name,
        when=str(found),
        time_zone=_zone(options.get("time_zone")),
        missed=options.get("missed") or schedules.ONCE,
        options=_of_rows(task, options),
    )
    using = schedule._state.db = primary(Schedule)
    schedule.object_id = references.checked_key(task.name, obj)
    schedule.object_db = router.db_for_write(type(obj), instance=obj)
    schedule.content_type = families.type_for(type(obj), using)
    schedule.args, schedule.kwargs = payloads.pack_arguments(task, tuple(args), dict(kwargs))
    if (user := references.unwrap(options.get("requested_by"))) is not None:
        schedule.requested_by_id = people.key_of(user)
        schedule.requested_by_name = people.name_of(user)
    name = options.get("name")
    schedule.name = _name(task, schedule) if name is None else schedules.check_name(name)
    return schedule


def begin(schedule: Schedule) -> None:
    """Set the first slot of a schedule: from now on."""
    now = clock.read(_using(schedule))
    schedule.next_run = recurrence.next_after(schedule.recurrence, schedule.time_zone, now, now)
    if schedule.next_run is None:
        raise ValueError(f"{schedule.name}: {schedule.when} never comes, from now on.")


def _using(schedule: Schedule) -> str:
    return schedule._state.db or primary(Schedule)


def _zone(zone: Any) -> str:
    return timezone.get_default_timezone_name() if zone is None else zones.checked(zone)


def _of_rows(task: Declaration, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what rows of a schedule have other than their task says, as JSON."""
    known = (*OWN, *OF_ROWS, "requested_by")
    if unfit := [
        name for name, value in options.items() if name not in known and value is not None
    ]:
        raise TypeError(
            f"{task.name}: repeat() takes no {' or '.join(f'{name}=' for name in unfit)}: its rows "
            f"are made at their slots, long after these. What is to come behind a row, or be in a "
            f"batch, is made by the body of the repeated task: using(...).delayed(...) in there."
        )
    own = {name: options[name] for name in OF_ROWS if name in options}
    expires = own.get("expires")
    if isinstance(expires, timedelta):
        own["expires"] = expires.total_seconds()
    elif isinstance(expires, datetime):
        raise TypeError(
            f"{task.name}: rows of a schedule expire some time after their slot: expires must be a "
            f"number of seconds or a timedelta, not {expires!r}."
        )
    return own


def _name(task: Declaration, schedule: Schedule) -> str:
    """Return a name made of task, object, time and arguments."""
    about = families.about(schedule)
    parts: list[Any] = [about, schedule.object_db, schedule.when, schedule.time_zone]
    parts += [task.names[-1], list(schedule.args), dict(schedule.kwargs)]
    digest = keys.digest(bool(task.encrypt), *parts)[:HASH]
    # A task that has another name now goes on with the schedules that it has.
    said = f"{task.names[-1]}({about}) {schedule.when}"
    return f"{said[: schedules.MAX_NAME - HASH - 1]} {digest}"


# --- storing --------------------------------------------------------------------------


def _store(schedule: Schedule) -> Schedule:
    """Insert a schedule, or have the one of that name say the same; return it."""
    there = _there(schedule)
    if there is None:
        begin(schedule)
        try:
            with transaction.atomic(using=_using(schedule)):
                schedule.save(force_insert=True, using=_using(schedule))
                return schedule
        except IntegrityError:
            there = _there(schedule, locks=True)
            if there is None:
                raise
    return _adapted(there, schedule)


def _there(schedule: Schedule, locks: bool = False) -> Schedule | None:
    """Return what has the name; ``locks``: also where this transaction would not see it yet."""
    same = Schedule.objects.using(_using(schedule)).filter(name=schedule.name)
    if locks and features.shows_a_snapshot(connections[same.db]):
        same = same.select_for_update()
    return same.first()


#: What tells two schedules from each other, and what may differ in a call about the same.
ABOUT = ("declared", "content_type_id", "object_id", "object_db")
SAID = ("task", "when", "time_zone", "missed", "args", "kwargs", "options")


def _adapted(there: Schedule, schedule: Schedule) -> Schedule:
    is_other = any(getattr(there, name) != getattr(schedule, name) for name in ABOUT)
    # A task may have another name now, and this one among its aliases.
    if is_other or registry.get(there.task) is not registry.get(schedule.task):
        raise ValueError(
            f"There is a schedule {schedule.name!r} of {there.task} about "
            f"{families.about(there) or 'the objects that code declares'}: give this one another "
            f"name=, or delete that."
        )
    changed = [name for name in SAID if getattr(there, name) != getattr(schedule, name)]
    for name in changed:
        setattr(there, name, getattr(schedule, name))
    if "when" in changed or "time_zone" in changed:
        begin(there)
    if changed:
        there.save(using=_using(schedule))
    return there


def change(there: Schedule, when: str, time_zone: str, missed: str, args: Any, kwargs: Any) -> None:
    """Have a schedule say something else; it is not stored yet."""
    task: Any = there.declaration
    is_other = (there.when, there.time_zone) != (when, time_zone)
    there.when, there.time_zone, there.missed = when, time_zone, missed
    there.args, there.kwargs = payloads.pack_arguments(task, tuple(args), dict(kwargs))
    there.error, there.retry_at = "", None
    if is_other:
        begin(there)
