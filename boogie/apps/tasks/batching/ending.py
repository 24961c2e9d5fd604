"""
Whether a batch has ended, and what is done then. Nothing is counted as its rows end: who may have
been the last one looks for others.
"""

import logging
import time
from functools import partial
from typing import Any

from django.db import connections, transaction
from django.db.models import Exists, OuterRef

from boogie.apps.tasks.db import commits, outages, sql
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.enqueue.batched import joining
from boogie.apps.tasks.lifecycle import states
from boogie.apps.tasks.lifecycle.batched import members, telling
from boogie.apps.tasks.models import Batch, Task

from . import calling

logger = logging.getLogger(__name__)

#: Seconds between tries to lock a batch which somebody else has locked, a row that joins it or an
#: end that was seen at the same moment. Behind them it is left to a keeper.
TRIES = (0.0, 0.02, 0.1)

#: What is called, and in which column its row is noted.
CALLED = {"on_success": "success_id", "on_failure": "failure_id", "on_end": "end_id"}


def look(using: str, key: Any, failed: bool = False) -> bool:
    """
    End the batch ``key`` if none of its rows is left; return whether it has, or was changed.

    ``failed``: a row of it has, which somebody may have to be called for.
    """
    if joining.is_open(using, key):
        return False
    is_over = not members.open_rows(Task.objects.using(using), key).exists()
    if not is_over and not failed:
        return False
    if failed and not is_over and not _is_owed(using, key):
        return False
    # In a transaction nobody else goes on: it is looked at once more when that is committed.
    for pause in TRIES[:1] if commits.in_transaction(connections[using]) else TRIES:
        time.sleep(pause)
        found = outages.unlocked(using, partial(_look_closely, using, key))
        if found is not None:
            return found
    return False


def _is_owed(using: str, key: Any) -> bool:
    """Return whether a row has failed for which somebody is to be called, and has not been."""
    owed = Batch.objects.using(using).filter(pk=key, failure_id=None).exclude(on_failure="")
    return owed.filter(Exists(Task.objects.failed().filter(batch_id=OuterRef("pk")))).exists()


def _look_closely(using: str, key: Any) -> bool | None:
    """Look again with the batch locked; ``None``: it is locked by somebody else."""
    skip = connections[using].features.has_select_for_update_skip_locked
    with transaction.atomic(using=using):
        same = Batch.objects.using(using).filter(pk=key)
        batch = same.select_for_update(skip_locked=skip).first()
        if batch is None:
            return None if skip and same.exists() else False
        rows = Task.objects.using(using).filter(batch_id=key)
        asked = members.open_rows(rows, key), rows.failed(), rows.cancelled()
        is_open, has_failed, has_cancelled = sql.which_exist(*asked)
        changes: dict[str, Any] = {}
        if has_failed:
            changes |= _called(batch, "on_failure")
        if not is_open:
            changes |= _ended(batch, _outcome(batch, has_failed, has_cancelled))
        return bool(changes) and bool(same.update(**changes))


def _outcome(batch: Batch, has_failed: bool, has_cancelled: bool) -> str:
    # One that has ended so stays so when what has failed is deleted, by retention as a rule.
    if has_failed or (batch.outcome == states.FAILED and batch.deleted_others):
        return states.FAILED
    is_whole = not has_cancelled and not batch.deleted_others
    return states.FINISHED if is_whole else states.CANCELLED


def _ended(batch: Batch, outcome: str) -> dict[str, Any]:
    """Return what changes in a batch whose rows have all ended; call whom it is to call."""
    changes: dict[str, Any] = {}
    if outcome == states.FINISHED:
        changes |= _called(batch, "on_success")
    changes |= _called(batch, "on_end")
    if batch.outcome != outcome:
        changes |= {"ended": Moment(), "outcome": outcome}
    return changes


def _called(batch: Batch, option: str) -> dict[str, Any]:
    """Make the row that a batch calls, unless there was one; return what is noted of it."""
    column = CALLED[option]
    if not getattr(batch, option) or getattr(batch, column) is not None:
        return {}
    return {column: calling.call(batch, option)}


# --- who tells ------------------------------------------------------------------------


#: Batches that are looked at where nobody knows of which rows were.
SOME = 100


def have_ended(using: str, keys: list[Any] | None, failed: bool = False, **extra: Any) -> None:
    """Look at batches, rows of which have ended."""
    if keys is None:
        running = Batch.objects.using(using).running().order_by("-pk")
        keys = list(running.values_list("pk", flat=True)[:SOME])
    for key in keys:
        look_or_tell(using, key, failed)


def look_or_tell(using: str, key: Any, failed: bool = False) -> bool:
    """Do :func:`look`; of a task that this process does not know no more is done than to log."""
    try:
        with commits.savepoint(using):
            return look(using, key, failed)
    except LookupError as error:
        logger.error("The batch %s is left to another process: %s", key, error)
        return False


def connect() -> None:
    """Learn of rows that end from now on; twice is once."""
    telling.have_ended.connect(have_ended, weak=False, dispatch_uid="boogie_tasks.have_ended")
