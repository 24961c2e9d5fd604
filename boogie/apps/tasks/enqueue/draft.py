"""
A row that is not stored yet: its arguments are checked and packed.
"""

from typing import Any

from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.models import Task
from boogie.apps.tasks.models.stored import primary
from boogie.apps.tasks.protocols import Declaration
from boogie.apps.tasks.serialization import payloads

from . import origin


def draft(task: Declaration, args: Any, kwargs: Any) -> Task:
    """Check the arguments of a call; return a row without object and queue."""
    task.ensure_bound()
    task.check_call(None, *args, **kwargs)
    packed_args, packed_kwargs = payloads.pack_arguments(task, args, kwargs)
    row = Task(
        name=task.name,
        args=packed_args,
        kwargs=packed_kwargs,
        priority=task.row_priority,
        rescue=task.rescue,
        created=Moment(),
    )
    row._state.db = primary(Task)
    if (source := origin.current()) is not None:
        source.mark(row)
    return row
