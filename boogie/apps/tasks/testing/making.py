"""
Which rows were made since the test began, and asserting it.
"""

from typing import Any
from unittest.mock import ANY

from boogie.apps.tasks import loops
from boogie.apps.tasks.lifecycle import states
from boogie.apps.tasks.models import Task, TaskQuerySet
from boogie.apps.tasks.serialization import instances
from boogie.apps.tasks.serialization.unfit import Unfit

from . import began, subjects, telling
from .subjects import Subject


def made(task: Any = None) -> TaskQuerySet:
    """Return the rows that were made since the test began, of ``task`` or of all, in order."""
    rows = _made()
    if task is None:
        return rows
    return rows.filter(subjects.of("made() takes a task", task).condition)


def assert_made(
    task: Any,
    obj: Any = ANY,
    *args: Any,
    status: str | None = None,
    count: int = 1,
    **kwargs: Any,
) -> Any:
    """
    Assert that ``task`` was called about ``obj`` with these arguments, ``count`` times.

    Arguments that are named must be equal, others may be what they are; instances are compared with
    what the row refers to. ``status``: in which the row is now. A function of Django Tasks
    has no object: its arguments follow ``task``. Return the
    row; with another ``count`` than 1 a list.
    """
    caller = "assert_made" if count else "assert_not_made"
    loops.refuse(caller, f"sync_to_async({caller})")
    subject = subjects.of("assert_made() takes a task", task)
    found = _fitting(subject, obj, args, kwargs, status)
    if len(found) != count:
        wanted = telling.call(subject, obj, args, kwargs, status)
        raise AssertionError(telling.difference(wanted, count, found, list(_made())))
    return found[0] if count == 1 else found


def assert_not_made(
    task: Any, obj: Any = ANY, *args: Any, status: str | None = None, **kwargs: Any
) -> None:
    """Assert that no such row was made since the test began; arguments as of assert_made()."""
    assert_made(task, obj, *args, status=status, count=0, **kwargs)


def _made() -> TaskQuerySet:
    rows = Task.objects.on_primary().in_order()
    mark = began.mark()
    return rows if mark is None else rows.filter(pk__gte=mark)


def _fitting(subject: Subject, obj: Any, args: Any, kwargs: Any, status: str | None) -> list[Task]:
    rows = subject.about(_made().filter(subject.condition), obj)
    if status is not None:
        rows = rows.filter(status=_status(status))
    wanted = _wanted(subject, obj, args, kwargs)
    return [row for row in rows if _fits(subject, row, wanted)]


def _wanted(subject: Subject, obj: Any, args: Any, kwargs: Any) -> dict[str, Any]:
    try:
        return subject.wanted(obj, args, kwargs)
    except TypeError as error:
        raise TypeError(
            f"assert_made(): a call of {subject.name} {error}. Name arguments of the call alone; "
            f"queue, priority and the like are fields of the row that assert_made() returns."
        ) from None


def _status(status: str) -> str:
    if status not in states.STATUS:
        known = ", ".join(str(name) for name, _ in states.STATUS)
        raise ValueError(f"assert_made(): there is no status {status!r}, only {known}.")
    return status


def _fits(subject: Subject, row: Task, wanted: dict[str, Any]) -> bool:
    try:
        given = subject.given(row.args, row.kwargs)
    except TypeError:  # its function has changed since
        return not wanted
    return all(name in given and _equal(subject, given[name], wanted[name]) for name in wanted)


def _equal(subject: Subject, given: Any, wanted: Any) -> bool:
    """Compare what a row has with what its call was given: a tuple has arrived as a list."""
    if bool(wanted == given):
        return True
    try:
        arrived = instances.replaced(subject.arrived(wanted), instances.identity)
        return bool(arrived == instances.replaced(given, instances.identity))
    except Unfit:  # no row has it
        return False
