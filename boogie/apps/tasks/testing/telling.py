"""
Rows in the words of a failed assertion.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from unittest.mock import ANY

from django.db.models import Model

from boogie.apps.tasks import registry
from boogie.apps.tasks.models import Task
from boogie.apps.tasks.models.objects import together
from boogie.apps.tasks.monitoring import describe
from boogie.apps.tasks.serialization import instances, payloads, secrets

from .subjects import Function, Subject

#: Rows that are listed, and characters of what is shown of a value.
MOST, WIDTH = 20, 200


def call(
    subject: Subject, obj: Any, args: Sequence[Any], kwargs: Mapping[str, Any], status: Any
) -> str:
    """Return the call that was to be found."""
    hidden = subject.hidden(args, kwargs)
    if isinstance(subject, Function):
        args, about = subject.positional(obj, args), ""
    else:
        about = "any object" if obj is ANY else _short(obj)
        args = [_as_in_rows(subject, place, value) for place, value in enumerate(args, 1)]
        kwargs = {name: _as_in_rows(subject, name, value) for name, value in kwargs.items()}
    shown = _shown(subject.name, about, args, kwargs)
    return secrets.masked(shown, hidden) + (f", {status}" if status else "")


def difference(wanted: str, count: int, found: list[Task], rows: list[Task]) -> str:
    """Return what was asserted, and which rows were made instead."""
    times = {0: "no times", 1: "once"}.get(count, f"{count} times")
    was = {0: "it was not", 1: "it was once"}.get(len(found), f"it was {len(found)} times")
    lines = [f"{wanted} was to be made {times}; {was}."]
    if not rows:
        return f"{lines[0]} No row has been made since the test began."
    lines.append(f"{len(rows)} row(s) have been made since the test began:")
    keys = {row.pk for row in found}
    together.attach(rows[:MOST])
    lines += [f"{'*' if row.pk in keys else ' '} {made(row)}" for row in rows[:MOST]]
    if len(rows) > MOST:
        lines.append(f"  … and {len(rows) - MOST} more")
    return "\n".join(lines)


def made(row: Task) -> str:
    """Return the call that has made a row, and its status; without what is sensitive."""
    obj = row.object
    about = describe.reference(row) if obj is None else _short(obj)
    args, kwargs = (instances.replaced(each, instances.Short) for each in (row.args, row.kwargs))
    shown = _shown(row.name, about, args, kwargs)
    task = registry.get(row.name)
    hidden = secrets.hidden(task, [None, *row.args], row.kwargs) if task else ()
    why = f" ({row.error})" if row.is_failed else ""
    return f"{secrets.masked(shown, hidden)}, {row.status}{why:.{WIDTH}}"


def _as_in_rows(subject: Subject, place: int | str, value: Any) -> Any:
    """Return an argument with its instances as rows show them, unless it is not to be shown."""
    return _referred(value) if payloads.is_shown(subject.task, place) else value


def _referred(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _referred(each) for key, each in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_referred(each) for each in value)
    if not isinstance(value, Model):
        return value
    try:
        return instances.Short(instances.reference(value))
    except ValueError:  # never saved: no row has it
        return value


def _shown(name: str, about: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    given = [about] if about else []
    given += [_short(value) for value in args]
    given += [f"{key}={_short(value)}" for key, value in kwargs.items()]
    return f"{name}({', '.join(given)})"


def _short(value: Any) -> str:
    text = "ANY" if value is ANY else repr(value)
    return text if len(text) <= WIDTH else f"{text[: WIDTH - 1]}…"
