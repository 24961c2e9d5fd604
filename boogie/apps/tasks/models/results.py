"""
Results of rows: as a sequence, deserialized by their task, and of one that is waited for.
"""

import time
from collections.abc import Iterator
from typing import Any

from django.db import connections
from django.db.models import QuerySet

from boogie.apps.tasks import loops, registry
from boogie.apps.tasks.db import clock, commits, features, sql
from boogie.apps.tasks.db.connections import written_to
from boogie.apps.tasks.exceptions import NeverEnds, TaskCancelled, TaskFailed
from boogie.apps.tasks.serialization.sealing import Locked

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
    if isinstance(data, Locked):
        data.open()
    task = registry.get(name)
    return data if task is None else task.deserialize_result(data)


def _refuse_in_vain(row: Any) -> None:
    """Raise ``NeverEnds`` if this transaction would never see the end of ``row``."""
    connection = connections[row._state.db]
    if not commits.in_transaction(connection):
        return
    advice = "Call wait() after the transaction; in a TestCase run_tasks() runs what is queued."
    if features.is_in_process(connection) or features.shows_a_snapshot(connection):
        raise NeverEnds(
            f"wait() for {row} in a transaction that sees nothing of what others do would never "
            f"end. {advice}"
        )
    if not _is_seen_by_others(row):
        raise NeverEnds(
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


def _where(row: Any) -> str:
    """Say what keeps a row that has not started."""
    if row.is_after and (row.is_queued or row.is_paused):
        first = row.waits_for.first()
        return f": it waits for {first.name}[{first.pk}], which is {first.status}" if first else ""
    if row.is_paused:
        return ": run() queues it"
    if not row.is_queued:
        return ""
    if row.not_before is not None and row.not_before > clock.here():
        return f": it starts no earlier than {row.not_before}"
    return f": does a worker serve the queue {row.queue!r}?"


class Wait:
    """Waiting for the end of what is stored: when to look again, and what there is then."""

    def __init__(self, awaited: Any, timeout: float | None) -> None:
        self.awaited = awaited
        self._timeout = timeout
        self._deadline = None if timeout is None else time.monotonic() + timeout
        self._using = written_to(awaited)
        self._pause = 0.02

    def begin(self) -> None:
        """Look for the first time; raise ``NeverEnds`` if nothing would come of it."""
        self.look()
        if not self.awaited.is_ended and self._timeout != 0:
            self.refuse_in_vain()

    def look(self) -> None:
        """Read it anew."""
        self.awaited.refresh_from_db(using=self._using)

    def pause(self) -> float | None:
        """Return for how long to wait; ``None``: it has ended. ``TimeoutError``: time is over."""
        if self.awaited.is_ended:
            return None
        pause = self._pause
        left = pause if self._deadline is None else self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError(
                f"{self.awaited} has not ended after {self._timeout} seconds{self.why()}"
            )
        self._pause = min(pause * 1.5, 1.0)
        return min(pause, left)

    def refuse_in_vain(self) -> None:
        """Raise ``NeverEnds`` if the transaction around it would never see the end."""
        raise NotImplementedError

    def why(self) -> str:
        """Say what keeps it."""
        return ""

    def outcome(self) -> Any:
        """Return what it came to, or raise that."""
        raise NotImplementedError


class WaitForRow(Wait):
    """Waiting for one row."""

    def refuse_in_vain(self) -> None:
        """Raise ``NeverEnds`` if nobody else sees the row, or what they do is not seen here."""
        _refuse_in_vain(self.awaited)

    def why(self) -> str:
        """Say what keeps a row that has not started."""
        return _where(self.awaited)

    def outcome(self) -> Any:
        """Return the result, or raise what became of the row."""
        row = self.awaited
        if row.is_failed:
            raise TaskFailed(f"{row.name}({row.object_id}) failed with {row.error}")
        if row.is_cancelled:
            raise TaskCancelled(f"{row.name}({row.object_id}) was cancelled")
        return row.get_result()


def until_end(waiting: Wait) -> Any:
    """Wait, and return or raise the outcome."""
    waiting.begin()
    while (pause := waiting.pause()) is not None:
        time.sleep(pause)
        waiting.look()
    return waiting.outcome()


def wait(row: Any, timeout: float | None) -> Any:
    """Wait until ``row`` has ended; return its result or raise what became of it."""
    loops.refuse("wait", "await_result")
    return until_end(WaitForRow(row, timeout))
