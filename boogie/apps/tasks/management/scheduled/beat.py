"""
``boogie_tasks import-beat``: the entries of django-celery-beat that name Boogie tasks become
schedules.

Such an entry gives the key of the object: as its first argument, or by the name of the task's first
parameter. It is disabled in the transaction that makes the schedule. To do it again changes
nothing.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from celery.schedules import crontab
from django.apps import apps
from django.core.exceptions import ObjectDoesNotExist
from django.db import models, transaction

from boogie.apps.tasks import registry
from boogie.apps.tasks.db.moments import in_utc
from boogie.apps.tasks.db.reading import instances
from boogie.apps.tasks.declaration import fitting
from boogie.apps.tasks.models import Schedule
from boogie.apps.tasks.models.stored import primary
from boogie.apps.tasks.scheduling import repeating
from boogie.apps.tasks.serialization import codec
from boogie.apps.tasks.serialization.instances import Reference

APP = "django_celery_beat"

MADE, THERE, LEFT = "made", "there already", "left"

#: What else an entry may be, and what to do then.
OTHERWISE = {
    "solar": "it follows the sun: leave it to beat, with a plain task that calls delayed(obj, ...)",
    "clocked": "it runs once: use schedule(time, obj, ...)",
    "one_off": "it runs once: use schedule(time, obj, ...)",
    "expires": "it ends at a time: pause or delete the schedule then",
    "exchange": "rows have no exchange: use queue",
    "routing_key": "rows have no routing key: use queue",
}


class Left(ValueError):
    """Why an entry is left as it is."""


@dataclass(frozen=True)
class Told:
    """What became of an entry, and why."""

    name: str
    what: str
    why: str = ""

    def __str__(self) -> str:
        return f"{self.name}: {self.what}" + (f": {self.why}" if self.why else "")


def is_possible() -> bool:
    """Return whether there are entries of django-celery-beat."""
    return apps.is_installed(APP)


def take_over(dry_run: bool = False) -> Iterator[Told]:
    """Take over each entry whose task is Boogie's; yield what became of it."""
    entries: Any = apps.get_model(APP, "periodictask")._default_manager
    every = entries.select_related("crontab", "interval").order_by("name")
    for entry in every:
        if registry.get(entry.task) is None:
            continue
        try:
            yield _take_over(entry, dry_run)
        except Left as left:
            yield Told(entry.name, LEFT, str(left))
        except (TypeError, ValueError) as error:
            yield Told(entry.name, LEFT, str(error))


def _take_over(entry: Any, dry_run: bool) -> Told:
    using = primary(Schedule)
    there = Schedule.objects.using(using).filter(name=entry.name).first()
    if there is not None:
        if there.task != _task(entry).name:
            raise Left(f"there is another schedule of this name, of {there.task}")
        if entry.enabled and not dry_run:
            _disable(entry)
        return Told(entry.name, THERE)
    schedule = _schedule(entry)
    if not dry_run:
        with transaction.atomic(using=using):
            repeating.begin(schedule)
            _begin_at(schedule, entry.start_time)
            schedule.save(force_insert=True, using=using)
            _disable(entry)
    return Told(entry.name, MADE, f"{schedule.when} {schedule.time_zone}")


def _disable(entry: Any) -> None:
    """Have beat forget an entry; its scheduler is told by ``save()``."""
    if entry.enabled:
        entry.enabled = False
        entry.save()


def _begin_at(schedule: Schedule, start: datetime | None) -> None:
    """Have the first slot come no earlier than ``start``."""
    if start is not None and schedule.next_run is not None and start > in_utc(schedule.next_run):
        before = start - timedelta(microseconds=1)
        schedule.next_run = schedule.next_after(before)


# --- one entry ------------------------------------------------------------------------


def _schedule(entry: Any) -> Schedule:
    """Return the schedule of an entry, not stored yet; :class:`Left` says why there is none."""
    for name, why in OTHERWISE.items():
        if getattr(entry, name, None):
            raise Left(why)
    task = _task(entry)
    obj, args, kwargs = _call(task, entry)
    when, zone = _when(entry)
    options: dict[str, Any] = {"name": entry.name, "time_zone": zone}
    if entry.queue:
        options["queue"] = entry.queue
    if entry.expire_seconds:
        options["expires"] = float(entry.expire_seconds)
    if entry.priority is not None:
        if entry.priority > 9:
            raise Left(f"its priority is {entry.priority}, and those of rows are 0 to 9")
        options["priority"] = entry.priority
    schedule = repeating.draft(task, when, obj, args, kwargs, options)
    schedule.enabled = entry.enabled
    return schedule


def _task(entry: Any) -> Any:
    return registry.get(entry.task)


def _when(entry: Any) -> tuple[Any, Any]:
    """Return when an entry is due, and in which zone; none: that of the project."""
    if entry.crontab is not None:
        one = entry.crontab
        names = ("minute", "hour", "day_of_week", "day_of_month", "month_of_year")
        return crontab(**{name: getattr(one, name) for name in names}), str(one.timezone)
    if entry.interval is not None:
        return timedelta(**{entry.interval.period: entry.interval.every}), None
    raise Left("it has neither crontab nor interval")


def _call(task: Any, entry: Any) -> tuple[models.Model, tuple[Any, ...], dict[str, Any]]:
    """Return the object of an entry and its other arguments."""
    args, kwargs = codec.restored(json.loads(entry.args or "[]")), json.loads(entry.kwargs or "{}")
    kwargs = codec.restored(kwargs)
    first = task.parameter(0)
    names = [name for name in (first, f"{first}_id", f"{first}_pk") if name in kwargs]
    if args:
        key, args = args[0], args[1:]
    elif names:
        key = kwargs.pop(names[0])
    else:
        raise Left(
            "it names no object: declare what is about many with @recurring(..., objects=...), and "
            "delete the entry"
        )
    return _object(task, key), tuple(args), kwargs


def _object(task: Any, key: Any) -> models.Model:
    if isinstance(key, Reference):
        (found,) = instances.arguments([key], {}).args
        if found is None:
            raise Left(f"its object {key.short} is gone")
        return found  # type: ignore[no-any-return]
    known = [model for model in fitting.models_of(task) if not model._meta.proxy]
    roots = [one for one in known if not any(other in known for other in one.__mro__[1:])]
    if len(roots) != 1:
        raise Left(
            "its task does not say of which one model it is about: annotate its first parameter, "
            "or give it model="
        )
    try:
        return roots[0]._base_manager.get(pk=key)
    except (ObjectDoesNotExist, TypeError, ValueError):
        label = roots[0]._meta.label_lower
        raise Left(f"there is no {label} with the key {key!r:.80}") from None
