"""
Whether a running body still has its row.
"""

import time

from django.db import connections

from boogie.apps.tasks.db import sql
from boogie.apps.tasks.db.features import shows_a_snapshot
from boogie.apps.tasks.exceptions import TaskCancelled
from boogie.apps.tasks.lifecycle import states

from .run import Run

#: Seconds between two looks of :func:`check`.
CHECK_EVERY = 1.0


def check(run: Run) -> None:
    """Raise ``TaskCancelled`` if the row of a run is not its own any more."""
    if time.monotonic() < run.next_check:
        return
    run.next_check = time.monotonic() + CHECK_EVERY
    if not _still_has_its_row(run):
        raise TaskCancelled(f"{run.row} was cancelled, or taken away, while it ran")


def _still_has_its_row(run: Run) -> bool:
    state = {"status": states.RUNNING, "attempt": run.row.attempt}
    itself = run.rows.filter(pk=run.row.pk)
    if not itself.filter(**state).exists():
        return False
    if shows_a_snapshot(connections[run.db]):
        # The row is there for ever as it was. Others see nothing of it if a call() made it
        # in this transaction.
        return not sql.exists_now(itself.exclude(**state))
    return True
