"""
One run: claim → run → settle.

Called by ``receivers.py`` (a worker's run, driven by Celery's signals) and by
``declare.py`` (the gate around the body, and ``call()``). All statements on
behalf of a run are here; what they say is in ``transitions.py``.
"""

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from celery.exceptions import Ignore, Reject, Retry, SoftTimeLimitExceeded
from django.core.exceptions import ObjectDoesNotExist
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections, router, transaction

from . import arguments, failures, process, states, transitions
from .conf import conf
from .exceptions import ObjectGone, ResultError
from .models import Task
from .querysets import TaskQuerySet

if TYPE_CHECKING:
    from .declare import Declaration

logger = logging.getLogger(__name__)

#: A claim waits this long for a database that went away before it gives the row up.
CLAIM_PATIENCE = 5.0


@dataclass
class Run:
    """What one claimed attempt knows. It lives on ``task.request``, never on the task."""

    row: Task
    args: list[Any]
    kwargs: dict[str, Any]
    #: The object was deleted, or cannot be read: why.
    gone: Exception | None = None
    #: The packed result, once the body has returned.
    data: Any = None
    #: What the function returned.
    result: Any = None
    #: What the body raised, unchanged, and the entry for ``errors`` made of it.
    exception: BaseException | None = None
    error: dict[str, Any] | None = None
    #: ``retry(throw=False)`` asks for this once the body has returned.
    postponed: Retry | None = None
    #: Changes to the row that a retry brings along.
    changes: dict[str, Any] = field(default_factory=dict)
    entered: bool = False
    in_body: bool = False
    #: How it ended: a status of ``states.py``, ``"lost"`` if the row moved meanwhile.
    outcome: str | None = None

    @property
    def db(self) -> str:
        return self.row._state.db or DEFAULT_DB_ALIAS

    @property
    def rows(self) -> TaskQuerySet:
        return Task.objects.using(self.db)


# --- claim ----------------------------------------------------------------------------


def claim(task_id: str) -> Run | None:
    """Claim the queued row ``task_id`` for this process; ``None`` if it is not to be had."""
    using = router.db_for_write(Task)
    claiming = partial(claim_row, using, task_id)
    row = transitions.patiently(using, claiming, CLAIM_PATIENCE)
    if row is None:
        return None
    run = read(row)
    transitions.announce("task_started", row, using)
    return run


def claim_row(using: str, task_id: str) -> Task | None:
    mine = Task.objects.using(using).filter(pk=task_id)
    moved = transitions.claim(mine, worker=process.worker_id(), pid=os.getpid())
    return mine.get() if moved else None


def read(row: Task) -> Run:
    """Return a run of a claimed row, with its object."""
    try:
        return Run(row, [row.get_object(), *row.args], dict(row.kwargs))
    except ObjectDoesNotExist as error:
        kind = row.content_type.model
        gone = ObjectGone(f"{kind} {row.object_id!r} was deleted before {row.name} ran ({error})")
        return Run(row, [None, *row.args], dict(row.kwargs), gone=gone)
    except Exception as error:  # an alias that is configured no more, a key that does not parse
        return Run(row, [None, *row.args], dict(row.kwargs), gone=error)


# --- run ------------------------------------------------------------------------------


def perform(task: "Declaration", run: Run, body: Callable[..., Any]) -> Any:
    """
    Call ``body`` with the run's arguments and pack its result; return what it returned.

    With ``atomic`` the body and the settling UPDATE share one transaction.
    """
    try:
        if not task.atomic:
            _perform(task, run, body)
        else:
            with transaction.atomic(using=run.db):
                _perform(task, run, body)
                _finish(run)
                if run.outcome == "lost":
                    raise _Undo
    except _Undo:
        raise Ignore(
            f"{run.row} was taken away while it ran; its effects are rolled back"
        ) from None
    except (Ignore, Retry, Reject) as control:
        run.exception = control
        raise
    except BaseException as exception:
        run.exception = exception
        run.error = failures.describe(exception, run.row.attempt, run.row.worker)
        if isinstance(exception, SoftTimeLimitExceeded):
            # It may have struck in the middle of a query (celery#9824).
            close_connections()
        raise
    return run.result


class _Undo(Exception):
    """Leave an ``atomic`` block whose run has lost its row."""


def _perform(task: "Declaration", run: Run, body: Callable[..., Any]) -> None:
    result = body(*run.args, **run.kwargs)
    if run.postponed is not None:
        raise run.postponed
    run.data = arguments.pack_result(task.name, task.serialize_result(result))
    run.result = result


# --- settle ---------------------------------------------------------------------------


def finish(run: Run) -> None:
    """Settle a run whose body returned; one that the database refuses to store has failed."""
    if run.outcome is not None:
        return
    try:
        _settle(run, partial(_finish, run))
    except DatabaseError as refusal:
        if isinstance(refusal, transitions.AWAY) or _is_broken(run):
            raise
        kind = type(run.result).__qualname__
        error = ResultError(
            f"{run.row.name} returned a {kind} that the database refuses to store: {refusal}"
        )
        run.exception = error
        fail(run, failures.describe(error, run.row.attempt, run.row.worker))


def _finish(run: Run) -> None:
    moved = transitions.finish(run.rows, run.row, run.data)
    _note(run, moved, states.FINISHED)


def fail(run: Run, error: dict[str, Any]) -> None:
    """Settle a run that raised."""
    _settle(run, lambda: _note(run, transitions.fail(run.rows, run.row, error), states.FAILED))


def retry(run: Run, reason: Retry) -> None:
    """Send the row of a run back to the queue, due at the time that ``reason`` names."""
    error = _retry_error(run, reason)
    delay: Any = reason.when if reason.when is not None else 0
    if process.is_call(run.row.worker):
        delay = conf.RING_AGAIN  # it is claimed again at once, by this process: keep workers off
    move = partial(transitions.retry, run.rows, run.row, error, delay, **run.changes)
    _settle(run, lambda: _note(run, move(), states.QUEUED))


def close(run: Run) -> None:
    """
    Settle a run that Celery ends without telling: its body raised ``Ignore`` or ``Reject``.

    ``Ignore`` (no outcome is to be recorded) cancels the row; ``Reject`` fails
    it, or with ``requeue=True`` sends it back to the queue.
    """
    control: Any = run.exception
    if isinstance(control, Reject) and getattr(control, "requeue", False):
        retry(run, Retry(exc=control))
    elif isinstance(control, Reject):
        fail(run, failures.describe(control, run.row.attempt, run.row.worker))
    elif isinstance(control, Ignore):
        move = partial(transitions.cancel_run, run.rows, run.row)
        _settle(run, lambda: _note(run, move(), states.CANCELLED))


def _note(run: Run, moved: int, outcome: str) -> None:
    run.outcome = outcome if moved else "lost"
    if not moved:
        logger.info("%s was settled, cancelled or rescued by somebody else meanwhile", run.row)


def _settle(run: Run, settling: Callable[[], None]) -> None:
    """Settle once, waiting for a database that is away."""
    if run.outcome is None and not _is_broken(run):
        transitions.patiently(run.db, settling, conf.SETTLE_TIMEOUT)


def _is_broken(run: Run) -> bool:
    """
    Return whether the transaction around a ``call()`` can only be rolled back, its row with it.

    A statement would fail there and hide the error that broke it.
    """
    connection = connections[run.db]
    return connection.in_atomic_block and connection.needs_rollback


def _retry_error(run: Run, reason: Retry) -> dict[str, Any]:
    cause = reason.exc if isinstance(reason.exc, BaseException) else reason
    return failures.describe(cause, run.row.attempt, run.row.worker)


# --- connections ----------------------------------------------------------------------


def renew_connections() -> None:
    """Do what Django does around a request: close connections that are old or unusable."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:  # a test, or a caller, runs a row inside its transaction
            connection.close_if_unusable_or_obsolete()


def close_connections() -> None:
    """Close this thread's database connections, except inside a transaction of the caller."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close()
