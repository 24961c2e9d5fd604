"""
The body of a run: called with what was claimed, its result packed, its exception noted.

What is atomic, and what lost its database, is settled here; all else by Celery's signals.
"""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NoReturn

from celery.exceptions import Ignore, Reject, Retry, SoftTimeLimitExceeded
from django.db import transaction

from boogie.apps.tasks import policies
from boogie.apps.tasks.db import outages
from boogie.apps.tasks.db.connections import close_connections
from boogie.apps.tasks.enqueue.origin import Origin, coming_from
from boogie.apps.tasks.exceptions import TaskCancelled
from boogie.apps.tasks.protocols import Declaration
from boogie.apps.tasks.serialization import payloads, sealing, secrets
from boogie.apps.tasks.tracking import logs
from boogie.apps.tasks.tracking.reporter import speaking

from . import delays, settle
from .logs import concealing, records
from .run import DELETED, TAKEN, Run

logger = logging.getLogger(__name__)


def perform(task: Declaration, run: Run, body: Callable[..., Any]) -> Any:
    """
    Call ``body`` with the run's arguments and pack its result; return what it returned.

    With ``atomic`` the body and the settling UPDATE share one transaction.
    """
    run.hidden = run.reporter.hidden = secrets.hidden(task, run.args, run.kwargs)
    records.started(run)
    try:
        if task.sensitive or task.encrypt:
            concealing.arguments(task)
        if task.encrypt or type(run.row.args) is sealing.SealedList:
            sealing.require(task.name)
            run.seals = run.reporter.seals = True
        if task.atomic:
            _perform_atomically(task, run, body)
        else:
            _perform(task, run, body)
    except (Ignore, Retry, Reject) as control:
        run.exception = control
        raise
    except TaskCancelled as cancelled:
        run.exception = cancelled
        raise Ignore(str(cancelled)) from None
    except BaseException as exception:
        run.exception = exception
        run.error = run.describe(exception)
        if isinstance(exception, SoftTimeLimitExceeded):
            # It may have struck in the middle of a query (celery#9824).
            close_connections()
        raise
    return run.result


class _Undo(Exception):
    """Leave an ``atomic`` block whose run has lost its row."""


def _perform_atomically(task: Declaration, run: Run, body: Callable[..., Any]) -> None:
    try:
        with transaction.atomic(using=run.db):
            _perform(task, run, body)
            settle.finish_within(run)
            if run.outcome == TAKEN and not _has_deleted_its_row(run):
                raise _Undo
    except _Undo:
        # If it was its own body that cancelled it, that is undone with all else.
        run.outcome = None
        reason = (
            f"{run.row} was cancelled, or taken away, while it ran; its effects are rolled back"
        )
        raise TaskCancelled(reason) from None
    except BaseException as exception:
        run.outcome = None  # whatever the UPDATE said, it was not committed
        if run.has_raised:
            run.reporter.finish()
            raise
        give_up(task, run, exception)


def _has_deleted_its_row(run: Run) -> bool:
    """Return whether the row is gone, and note it: nobody can run it again."""
    if run.itself.exists():
        return False
    run.outcome = DELETED
    return True


def give_up(task: Declaration, run: Run, reason: BaseException) -> NoReturn:
    """
    Raise why a run that left nothing behind cannot go on.

    If that is a database that went away, before the body or after an ``atomic``
    one, the row is rescued and ``Ignore`` is raised.
    """
    if run.is_orphan and task.on_delete != policies.KEEP:
        settle.follow_object(run, task.on_delete, reason)
        raise Ignore(str(reason)) from None
    delay = delays.delay_after_loss(run.row)
    if delay is None or not outages.is_outage(reason):
        raise reason
    settle.rescue(run, reason, delay)
    raise Ignore(f"{run.row} has lost its database, it is queued again") from reason


def _perform(task: Declaration, run: Run, body: Callable[..., Any]) -> None:
    try:
        source = Origin(parent=run.row)
        with coming_from(source), speaking(run.reporter), _log_kept(task, run):
            result = body(*run.args, **run.kwargs)
        if run.postponed is not None:
            raise run.postponed
        # A function of Django Tasks has one task for all, and no hook of its own.
        name, has_hook = run.row.name, not run.row.backend
        run.data = payloads.pack_result(name, task.serialize_result(result), has_hook)
        if run.seals:
            run.data = sealing.Secret(run.data)
    except BaseException:
        run.has_raised = True
        raise
    finally:
        run.reporter.finish(run.has_raised)
    run.result = result


def _log_kept(task: Declaration, run: Run) -> AbstractContextManager[None]:
    level = logs.level_of(task)
    return nullcontext() if level is None else logs.kept(run.reporter, level)
