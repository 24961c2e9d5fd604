"""
A row that is not stored yet: its arguments checked, its queue chosen.
"""

from typing import Any

from django.db import router

from boogie.apps.tasks import current_app
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.models import Task
from boogie.apps.tasks.protocols import Declaration
from boogie.apps.tasks.serialization import payloads


def draft(task: Declaration, args: Any, kwargs: Any) -> Task:
    """Check the arguments of a call; return an unsaved row that is about no object yet."""
    task.check_call(None, *args, **kwargs)
    packed_args, packed_kwargs = payloads.pack_arguments(task.name, args, kwargs)
    row = Task(
        name=task.name,
        args=packed_args,
        kwargs=packed_kwargs,
        queue=_queue(task),
        priority=task.row_priority,
        created=Moment(),
    )
    row._state.db = router.db_for_write(Task)
    return row


def _queue(task: Declaration) -> str:
    """Return the task's own queue, else where ``task_routes`` sends its name, else ''."""
    if task.queue:
        return str(task.queue)
    app = current_app.celery_app()
    queue = current_app.routed_queue(app, task.name)
    if queue is not None:
        return queue
    if current_app.needs_ringing():
        return ""
    return str(current_app.setting(app, "task_default_queue"))
