"""
Waiting for the end of a batch.
"""

from typing import Any

from django.db import connections

from boogie.apps.tasks import loops
from boogie.apps.tasks.db import commits, features, sql
from boogie.apps.tasks.exceptions import NeverEnds, TaskCancelled, TaskFailed
from boogie.apps.tasks.lifecycle import states
from boogie.apps.tasks.models.asynchronous import waiting
from boogie.apps.tasks.models.results import Wait, until_end


class WaitForBatch(Wait):
    """Waiting for one batch."""

    def refuse_in_vain(self) -> None:
        """Raise ``NeverEnds`` if nobody sees the batch, or what others do is unseen here."""
        batch = self.awaited
        connection = connections[batch._state.db]
        if not commits.in_transaction(connection):
            return
        hidden = features.is_in_process(connection) or features.shows_a_snapshot(connection)
        same = type(batch)._base_manager.using(batch._state.db).filter(pk=batch.pk)
        if hidden or not sql.exists_now(same):
            raise NeverEnds(
                f"wait() for {batch} in a transaction that sees nothing of what others do, or that "
                f"made it, would never end. Call wait() after the transaction; in a TestCase "
                f"run_tasks() runs what is queued."
            )

    def outcome(self) -> Any:
        """Return the batch, or raise what became of it."""
        batch = self.awaited
        if batch.status == states.FAILED:
            first = batch.rows.failed().order_by("pk").first()
            why = f", such as {first.name}({first.object_id}) with {first.error}" if first else ""
            raise TaskFailed(f"rows of {batch} have failed{why}")
        if batch.status == states.CANCELLED:
            raise TaskCancelled(f"rows of {batch} were cancelled, or deleted")
        return batch


def wait(batch: Any, timeout: float | None) -> Any:
    """Wait until ``batch`` has ended; return it, or raise what became of it."""
    loops.refuse("wait", "await_end")
    return until_end(WaitForBatch(batch, timeout))


async def await_end(batch: Any, timeout: float | None) -> Any:  # noqa: ASYNC109 - as wait()
    """Do the same in an event loop, which goes on meanwhile."""
    return await waiting.until_end(WaitForBatch(batch, timeout))
