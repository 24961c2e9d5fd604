"""
The rows of the tasks that a batch calls.
"""

from typing import Any

from boogie.apps.tasks import registry
from boogie.apps.tasks.enqueue import one, origin
from boogie.apps.tasks.models import Batch, Task, families
from boogie.apps.tasks.serialization import references


class OfBatch:
    """Where rows come from that a batch calls: asked for by whoever asked for it, of no batch."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch

    def mark(self, row: Task) -> None:
        """Write into a new row where it comes from."""
        self.name_requester(row)

    def name_requester(self, row: Any) -> None:
        """Write who asked for it."""
        row.requested_by_id = self._batch.requested_by_id
        row.requested_by_name = self._batch.requested_by_name


def call(batch: Batch, option: str) -> Any:
    """Make a row of the task that ``batch`` calls as ``option`` says; return its key."""
    name = getattr(batch, option)
    task = registry.get(name)
    if task is None:
        raise LookupError(
            f"{batch} is to call {name} ({option}), which is not declared in this process: another "
            f"one that knows it will."
        )
    obj = batch if batch.content_type_id is None else _object(batch)
    args = () if obj is batch else (batch,)
    with origin.exactly(OfBatch(batch)):
        return one.queued(task, obj, args, {}).pk


def _object(batch: Batch) -> Any:
    """Return the object; one that is gone as what has its key: then the run tells so."""
    found = batch.object
    if found is not None:
        return found
    row: Any = batch
    model = families.type_of(row).model_class()
    if model is None:
        return batch
    gone = model(pk=references.key_value(model, batch.object_id))
    gone._state.adding, gone._state.db = False, batch.object_db
    return gone
