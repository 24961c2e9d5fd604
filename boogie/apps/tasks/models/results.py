"""
Results of rows: as a sequence, deserialized by their task, and of one that is waited for.
"""

import time
from collections.abc import Iterator
from typing import Any

from django.db import connections
from django.db.models import QuerySet

from boogie.apps.tasks import registry
from boogie.apps.tasks.db import commits, features, sql
from boogie.apps.tasks.db.connections import written_to
from boogie.apps.tasks.exceptions import TaskCancelled, TaskFailed

#: Rows read at once while iterating.
CHUNK = 1000


class Results:
    """
    The results of finished rows: iterable, sized and indexable, like a list.

    Iterating reads them in chunks, so that any number fits in memory; ``len()``,
    an index and ``==`` read them all once and keep them.
    """

    def __init__(self, rows: "QuerySet[Any]") -> None:
        self._rows = rows
        self._all: list[Any] | None = None

    def __iter__(self) -> Iterator[Any]:
        if self._all is not None:
            return iter(self._all)
        return self._stream()

    def _stream(self) -> Iterator[Any]:
        if self._all is not None:
            yield from self._all
            return
        pairs = self._rows.values_list("name", "result")
        for name, data in pairs.iterator(chunk_size=CHUNK):
            yield deserialized(name, data)

    def _evaluated(self) -> list[Any]:
        if self._all is None:
            self._all = list(self._stream())
        return self._all

    def __len__(self) -> int:
        return len(self._evaluated())

    def __bool__(self) -> bool:
        return bool(self._all) if self._all is not None else self._rows.exists()

    def __getitem__(self, index: Any) -> Any:
        return self._evaluated()[index]

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Results | list | tuple):
            return self._evaluated() == list(other)
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<Results {self._evaluated()!r}>"


def deserialized(name: str, data: Any) -> Any:
    """Return what ``deserialize_result`` of the task ``name`` makes of ``data``."""
    task = registry.get(name)
    return data if task is None else task.deserialize_result(data)


def _refuse_in_vain(row: Any) -> None:
    """Raise ``RuntimeError`` if this transaction would never see the end of ``row``."""
    connection = connections[row._state.db]
    if not commits.in_transaction(connection):
        return
    advice = "Call wait() after the transaction."
    if features.is_in_process(connection) or features.shows_a_snapshot(connection):
        raise RuntimeError(
            f"wait() for {row} in a transaction that sees nothing of what others do would never "
            f"end. {advice}"
        )
    if not _is_seen_by_others(row):
        raise RuntimeError(
            f"wait() for {row} in the transaction that made or moved it would never end: nobody "
            f"else sees that before the commit. {advice}"
        )


def _is_seen_by_others(row: Any) -> bool:
    """Return whether others see ``row`` as this transaction does, or move it themselves."""
    while not row.is_ended:
        seen = {"status": row.status, "attempt": row.attempt}
        itself = type(row)._base_manager.using(row._state.db).filter(pk=row.pk)
        if sql.exists_now(itself.filter(**seen)):
            return True
        row.refresh_from_db(using=row._state.db)
        if seen == {"status": row.status, "attempt": row.attempt}:
            return False
    return True


def wait(row: Any, timeout: float | None) -> Any:
    """Wait until ``row`` has ended; return its result or raise what became of it."""
    deadline = None if timeout is None else time.monotonic() + timeout
    pause = 0.02
    using = written_to(row)
    row.refresh_from_db(using=using)
    if not row.is_ended and timeout != 0:
        _refuse_in_vain(row)
    while not row.is_ended:
        left = pause if deadline is None else deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError(f"{row} has not ended after {timeout} seconds")
        time.sleep(min(pause, left))
        pause = min(pause * 1.5, 1.0)
        row.refresh_from_db(using=using)
    if row.is_failed:
        raise TaskFailed(f"{row.name}({row.object_id}) failed with {row.error}")
    if row.is_cancelled:
        raise TaskCancelled(f"{row.name}({row.object_id}) was cancelled")
    return row.get_result()
