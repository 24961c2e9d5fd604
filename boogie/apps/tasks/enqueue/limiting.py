"""
Under which limits a new row is: their values are taken when it is made.
"""

import hashlib
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from django.db import models, router

from boogie.apps.tasks import limits
from boogie.apps.tasks.lifecycle import parking, timing
from boogie.apps.tasks.limits import Declared, Rate
from boogie.apps.tasks.models import Stand, Task
from boogie.apps.tasks.serialization import kinship, references

#: What rows store of their limits: the value of each, by what the limit is called.
Values = dict[str, str]

#: Characters of a value that are stored; what is longer is told apart by its hash.
MAX_VALUE = 200

#: Types whose text is a value.
FIT = (str, int, float, Decimal, uuid.UUID, date)


def values_of(task: Any, obj: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Values | None:
    """Return the values for a row of ``task`` about ``obj``; ``None``: nothing limits it."""
    found = {}
    for declared in limits.of_task(task.name):
        value = _value(task.name, declared, obj, args, kwargs)
        if value is not None:
            found[declared.identity] = _fitted(value)
    return found or None


def needs_objects(task: Any) -> bool:
    """Return whether the values cannot be told from a key."""
    by = [declared.limit.by for declared in limits.of_task(task.name)]
    return any(one not in (limits.TASK, limits.OBJECT) for one in by)


def values_of_key(task: Any, model: type[models.Model], key: str, database: str) -> Values | None:
    """Return the values for a row about an object of which no more is known than its key."""
    found = {}
    for declared in limits.of_task(task.name):
        by_object = declared.limit.by == limits.OBJECT
        value = _of_object(model, key, database) if by_object else ""
        found[declared.identity] = _fitted(value)
    return found or None


def first_of(values: Values) -> tuple[str, str]:
    """Return the limit that is tried first, and the key in whose line the row stands."""
    ((identity, value), *_) = values.items()
    return identity, limits.key_of(identity, value)


def room_in(using: str, identity: str, key: str) -> int:
    """Return how many rows more may be tried of those in the line of a limit."""
    limit, room = limits.known(identity), 1
    if limit is not None:
        room = limit.burst if isinstance(limit, Rate) else limit.n
    # Who waits for a time of its own is passed.
    line = parking.in_line(Task.objects.using(using).filter(timing.is_ripe()), key)
    return room - len(line.values_list("pk", flat=True)[:room])


def stand(using: str, rows: Iterable[tuple[Any, Values]]) -> None:
    """
    Have rows, by their ids and values, stand in all lines that keep order besides their first.

    Before they are inserted: nobody is to see them in one line alone.
    """
    found = [
        Stand(limit=key, row_id=pk)
        for pk, values in rows
        if len(values) > 1
        for key in limits.singles_of(values)
        if key != first_of(values)[1]
    ]
    if found:
        Stand.objects.using(using).bulk_create(found, ignore_conflicts=True)


def wake_first(using: str, ids: list[Any]) -> None:
    """Have rows tried that were just made, and are the first of their lines."""
    parking.wake(Task.objects.using(using).filter(pk__in=ids))


# --- one value ------------------------------------------------------------------------


def _value(
    name: str, declared: Declared, obj: Any, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> str | None:
    by = declared.limit.by
    if callable(by):
        given = args if obj is None else (obj, *args)
        return _text(name, declared, by(*given, **kwargs))
    if by == limits.TASK:
        return ""
    if by == limits.OBJECT:
        return _of_instance(obj)
    return _text(name, declared, _attribute(name, declared, obj))


def _attribute(name: str, declared: Declared, obj: Any) -> Any:
    found, path = obj, str(declared.limit.by)
    for part in path.split("."):
        if found is None:
            return None
        try:
            found = getattr(found, part)
        except AttributeError as error:
            raise AttributeError(
                f"{name}: its limit {declared.limit!r} is by {path!r}, and "
                f"{type(found).__qualname__} has no attribute {part!r}.",
                name=part,
                obj=found,
            ) from error
    return found


def _text(name: str, declared: Declared, value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, models.Model):
        return _of_instance(value)
    if not isinstance(value, FIT):
        raise TypeError(
            f"{name}: the value of by={declared.limit.by!r} must be a text, a number, an instance "
            f"or None, not {value!r:.80} of type {type(value).__qualname__}."
        )
    return str(value)


def _of_instance(obj: models.Model) -> str:
    database = router.db_for_write(type(obj), instance=obj)
    return _of_object(type(obj), references.object_key(obj), database)


def _of_object(model: type[models.Model], key: str, database: str) -> str:
    found = f"{kinship.root(model)._meta.label_lower} {key}"
    return found if database == "default" else f"{found} in {database}"


def _fitted(value: str) -> str:
    text = value.replace("\0", "\\0").encode(errors="backslashreplace").decode()
    if len(text) <= MAX_VALUE and text == value:
        return value
    digest = hashlib.sha256(value.encode(errors="backslashreplace")).hexdigest()[:16]
    return f"{text[:MAX_VALUE]}… {digest}"
