"""
Waiting for the end of a batch.
"""

import asyncio
import time
from typing import Any

from django.db import connections

from boogie.apps.tasks import loops
from boogie.apps.tasks.db import commits, features, sql
from boogie.apps.tasks.db.connections import written_to
from boogie.apps.tasks.exceptions import TaskCancelled, TaskFailed
from boogie.apps.tasks.lifecycle import states


class Wait:
    """When to look again, and what there is in the end."""

    def __init__(self, batch: Any, timeout: float | None) -> None:
        self._batch, self._timeout = batch, timeout
        self._deadline = None if timeout is None else time.monotonic() + timeout
        self._pause = 0.02

    def begin(self) -> None:
        """Look for the first time; raise ``RuntimeError`` if nothing would come of it."""
        self.look()
        if not self._batch.is_ended and self._timeout != 0:
            _refuse_in_vain(self._batch)

    def look(self) -> None:
        """Read the batch anew."""
        self._batch.refresh_from_db(using=written_to(self._batch))

    def pause(self) -> float | None:
        """Return for how long to wait; ``None``: it has ended. ``TimeoutError``: time is over."""
        if self._batch.is_ended:
            return None
        pause = self._pause
        left = pause if self._deadline is None else self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError(f"{self._batch} has not ended after {self._timeout} seconds")
        self._pause = min(pause * 1.5, 1.0)
        return min(pause, left)

    def check_outcome(self) -> None:
        """Raise what became of it, if it has not finished."""
        batch = self._batch
        if batch.status == states.FAILED:
            first = batch.rows.failed().order_by("pk").first()
            why = f", such as {first.name}({first.object_id}) with {first.error}" if first else ""
            raise TaskFailed(f"rows of {batch} have failed{why}")
        if batch.status == states.CANCELLED:
            raise TaskCancelled(f"rows of {batch} were cancelled, or deleted")


def _refuse_in_vain(batch: Any) -> None:
    connection = connections[batch._state.db]
    if not commits.in_transaction(connection):
        return
    hidden = features.is_in_process(connection) or features.shows_a_snapshot(connection)
    same = type(batch)._base_manager.using(batch._state.db).filter(pk=batch.pk)
    if hidden or not sql.exists_now(same):
        raise RuntimeError(
            f"wait() for {batch} in a transaction that sees nothing of what others do, or that "
            f"made it, would never end. Call wait() after the transaction; in a TestCase "
            f"run_tasks() runs what is queued."
        )


def wait(batch: Any, timeout: float | None) -> None:
    """Wait until ``batch`` has ended; raise what became of it."""
    loops.refuse("wait", "await_end")
    waiting = Wait(batch, timeout)
    waiting.begin()
    while (pause := waiting.pause()) is not None:
        time.sleep(pause)
        waiting.look()
    waiting.check_outcome()


async def await_end(batch: Any, timeout: float | None) -> None:  # noqa: ASYNC109 - as wait()
    """Do the same in an event loop, which goes on meanwhile."""
    waiting = Wait(batch, timeout)
    await loops.aside(waiting.begin)
    while (pause := waiting.pause()) is not None:
        await asyncio.sleep(pause)
        await loops.aside(waiting.look)
    await loops.aside(waiting.check_outcome)
