"""
How new rows join a batch: those of a ``with`` block, and those that name one.

One that is named is locked against its end, by all who join it at once: none waits for another.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from django.db import connections, transaction

from boogie.apps.tasks.db import outages
from boogie.apps.tasks.db.connections import written_to
from boogie.apps.tasks.db.unique.inserting import held
from boogie.apps.tasks.enqueue import origin
from boogie.apps.tasks.models import Batch, Task
from boogie.apps.tasks.models.stored import primary


class Named:
    """A batch that somebody names for new rows of the task ``name``."""

    def __init__(self, name: str, batch: Any) -> None:
        if not isinstance(batch, Batch):
            raise TypeError(
                f"{name}: batch must be a Batch, not {batch!r:.80} of type "
                f"{type(batch).__qualname__}."
            )
        if batch.pk is None or batch._state.adding:
            raise ValueError(f"{name}: the batch is not stored: make it by batch().")
        if written_to(batch) != primary(Task):
            raise ValueError(
                f"{name}: the batch is in the database {written_to(batch)!r}, and the new row in "
                f"{primary(Task)!r}."
            )
        self.key = batch.pk

    def mark(self, row: Task) -> None:
        """Have a new row join it."""
        row.batch_id, row.joins = self.key, True


class OfBlock:
    """The batch of a ``with`` block, for what is made in it, by its thread, until it ends."""

    def __init__(self, using: str, key: Any) -> None:
        self.key = key
        self._using, self._connection = using, connections[using]
        self._is_open = True

    def mark(self, row: Task) -> None:
        """Have a new row join it; not of a thread, or a coroutine, that goes on elsewhere."""
        if self._is_open and connections[self._using] is self._connection:
            row.batch_id = self.key

    def close(self) -> None:
        """Have no more rows join it."""
        self._is_open = False


#: The batches whose block goes on: nobody else sees them before it is committed.
_open: set[tuple[str, Any]] = set()


def is_open(using: str, key: Any) -> bool:
    """Return whether the block of a batch goes on: more rows may join it, it has not ended."""
    return (using, key) in _open


@contextmanager
def block(using: str, key: Any) -> Iterator[None]:
    """Have what is made within join the batch ``key``, which this transaction has made."""
    joined = OfBlock(using, key)
    _open.add((using, key))
    try:
        with origin.joining(joined):
            yield
    finally:
        joined.close()
        _open.discard((using, key))


def insert(using: str, row: Task, make: Callable[[], Task]) -> Task:
    """Make a row that joins a batch, which does not end meanwhile."""
    return outages.unlocked(using, partial(_insert, using, row, make))


def _insert(using: str, row: Task, make: Callable[[], Task]) -> Task:
    with transaction.atomic(using=using):
        lock(using, row)
        return make()


def lock(using: str, row: Task) -> None:
    """Keep the batch of a new row from ending; raise ``ValueError`` if it has, or is gone."""
    key: Any = row.batch_id
    if not held(Batch.objects.using(using).filter(pk=key, ended=None), "id"):
        raise ValueError(
            f"{row.name}: the batch {row.batch_id} has ended, or is gone: no row can join it. A "
            f"retry of one of its rows opens it again."
        )
