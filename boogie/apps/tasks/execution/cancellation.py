"""
Whether a running body still has its row.
"""

import time
from functools import partial

from asgiref.sync import sync_to_async
from django.db import connections

from boogie.apps.tasks import loops
from boogie.apps.tasks.db import sql
from boogie.apps.tasks.db.features import shows_a_snapshot
from boogie.apps.tasks.exceptions import TaskCancelled
from boogie.apps.tasks.lifecycle import states

from .run import Run

#: Seconds between two looks of :func:`check`.
CHECK_EVERY = 1.0


def check(run: Run) -> None:
    """Raise ``TaskCancelled`` if the row of a run is not its own any more."""
    if time.monotonic() >= run.next_check:
        run.next_check = time.monotonic() + CHECK_EVERY
        _look(run)
    if run.is_lost:
        raise TaskCancelled(f"{run.row} was cancelled, or taken away, while it ran")


async def acheck(run: Run) -> None:
    """Do what :func:`check` does, in an event loop that goes on meanwhile."""
    if time.monotonic() >= run.next_check:
        run.next_check = time.monotonic() + CHECK_EVERY
        await sync_to_async(_note)(run)
    check(run)


def _look(run: Run) -> None:
    if run.helper is not None and loops.is_running():
        run.helper.ask(partial(_note, run))
    else:
        _note(run)


def _note(run: Run) -> None:
    run.is_lost = not _still_has_its_row(run)


def _still_has_its_row(run: Run) -> bool:
    state = {"status": states.RUNNING, "attempt": run.row.attempt}
    if not run.itself.filter(**state).exists():
        return False
    if shows_a_snapshot(connections[run.db]):
        # The row is there for ever as it was. Others see nothing of it if a call() made it
        # in this transaction.
        return not sql.exists_now(run.itself.exclude(**state))
    return True
