"""
What Celery shows of a row where it shows arguments: in messages, events, and ``celery inspect``.

The object stands first. Nothing is read from it, and what is ``sensitive`` is not there: a message
is for every consumer's eyes. It is cut short, since messages are to stay small. Of a row about no
object its function stands there: Celery knows one task for all of them.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from celery.utils.saferepr import saferepr

from boogie.apps.tasks import registry
from boogie.apps.tasks.models import Task, families
from boogie.apps.tasks.serialization import instances, secrets

#: Characters that are shown of the arguments, and of the keyword arguments.
LONGEST = 200

#: What stands for arguments that nobody has read.
MORE = "…"


class Shown(NamedTuple):
    """Celery's ``argsrepr`` and ``kwargsrepr``."""

    args: str
    kwargs: str


def of_row(row: Task) -> Shown:
    """Show a row that is loaded."""
    obj = row.name if row.backend else families.about(row)
    if not row.args and not row.kwargs:
        return Shown(_tuple([obj] if obj else []), "{}")
    task: Any = registry.get(row.name)
    if task is None or getattr(task, "encrypt", False):
        return Shown(_tuple([*([obj] if obj else []), MORE]), MORE)
    hidden = secrets.hidden(task, [None, *row.args], row.kwargs)
    args = [
        _value(value, hidden, task.sensitive and task.parameter(place) in task.sensitive)
        for place, value in enumerate(_readable(row.args), start=1)
    ]
    kwargs = [
        f"{name!r}: {_value(value, hidden, name in task.sensitive)}"
        for name, value in _readable(row.kwargs).items()
    ]
    return Shown(_tuple([*([obj] if obj else []), *args]), f"{{{_cut(', '.join(kwargs))}}}")


def mark(row: Any) -> Any:
    """Have a doorbell of a row that is loaded show it; return the row."""
    row.shown = of_row(row)
    return row


def of_reserved(row: Any, using: str) -> Shown:
    """Show a row of which no argument was read."""
    obj = row.name
    if not row.backend:
        obj = families.reference(row.content_type, row.object_id, using)
    return Shown(_tuple([*([obj] if obj else []), MORE]), MORE)


def _readable(arguments: Any) -> Any:
    """Return arguments in which instances stand as ``app.model:key``."""
    if not instances.may_be_in(arguments):
        return arguments
    return instances.replaced(arguments, instances.Short)


def _value(value: Any, hidden: tuple[str, ...], is_secret: bool) -> str:
    if is_secret:
        return repr(secrets.MASK)
    if not hidden:
        return str(saferepr(value, LONGEST))
    # Cut after that: a part of a secret is not found.
    return _cut(secrets.masked(repr(value), hidden))


def _tuple(parts: Iterable[str]) -> str:
    """Return parts as a tuple is written."""
    listed = list(parts)
    return f"({_cut(', '.join(listed))}{',' if len(listed) == 1 else ''})"


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + MORE
