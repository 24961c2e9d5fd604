"""
Messages that name a Boogie task and start nothing: whoever sent one by hand is told why.
"""

import logging
import uuid
from typing import Any

from boogie.apps.tasks.db import ids
from boogie.apps.tasks.lifecycle import states
from boogie.apps.tasks.models import Task

logger = logging.getLogger(__name__)

#: Of the UUIDs that rows have.
VERSION = 7


def warn(task: Any, request: Any) -> None:
    """Warn of a message that has started nothing, unless it is a doorbell that came too late."""
    key = ids.key_of(request.id)
    is_ours = key is not None and key.version == VERSION and ids.is_of_a_row(request.id)
    if is_ours and request.ignore_result:
        # So our own doorbells are. A second one is nothing unusual, and no statement's worth.
        return
    logger.warning(
        "A message for the Boogie task %s has started nothing: %s. "
        "Not messages start runs but rows: use delayed(obj, ...) or schedule(time, obj, ...).",
        task.name,
        _reason(task, request.id, key),
    )


def _reason(task: Any, task_id: Any, key: uuid.UUID | None) -> str:
    rows = Task.objects.on_primary()
    row = None if key is None else rows.filter(pk=key).only("name", "status").first()
    if row is None:
        return f"no row has its id, {task_id}"
    if row.name not in task.names:
        return f"the row {task_id} is of the task {row.name}"
    if not ids.is_of_a_row(task_id):
        return f"the id of the row {key} is spelled otherwise, {task_id}"
    if row.status == states.QUEUED:
        return f"the time of the row {task_id} has not come"
    return f"the row {task_id} is {row.status}"
