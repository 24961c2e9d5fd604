"""
A row that is not stored yet: its arguments are checked and packed.
"""

from typing import Any

from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.models import Task, columns
from boogie.apps.tasks.models.stored import primary
from boogie.apps.tasks.protocols import Declaration
from boogie.apps.tasks.serialization import carried, payloads

from . import origin


def draft(task: Declaration, args: Any, kwargs: Any) -> Task:
    """Check the arguments of a call; return a row without object and queue."""
    task.ensure_bound()
    task.check_call(None, *args, **kwargs)
    fields = {"name": task.name, "priority": task.row_priority, "rescue": task.rescue}
    return packed(task, args, kwargs, **fields)


def packed(called: payloads.Called, args: Any, kwargs: Any, **fields: Any) -> Task:
    """Return a row with the arguments of a call of ``called``, and with who asked for it."""
    packed_args, packed_kwargs = payloads.pack_arguments(called, args, kwargs)
    row: Task = columns.of(Task).new(
        args=packed_args, kwargs=packed_kwargs, created=Moment(), **fields
    )
    row._state.db = primary(Task)
    if (source := origin.current()) is not None:
        source.mark(row)
    return row


def load(task: Declaration, row: Task, is_pattern: bool = False) -> None:
    """Put into a new row, or into the pattern of many, what travels with it."""
    if carriers := carried.listed():
        row.context = carried.captured(carried.Subject(task, row, is_pattern), carriers)
