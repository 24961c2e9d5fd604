"""
One run: claim → run → settle.

Called by ``receivers.py`` (a worker's run, driven by Celery's signals) and by
``declare.py`` (the gate around the body, and ``call()``). All statements on
behalf of a run are here; what they say is in ``transitions.py``.
"""

import logging
import os
import time
from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn

from celery.exceptions import Ignore, Reject, Retry, SoftTimeLimitExceeded
from django.core.exceptions import ObjectDoesNotExist
from django.db import connections, router, transaction

from boogie.apps.tasks import identity as process
from boogie.apps.tasks.db import outages as patience
from boogie.apps.tasks.db import sql
from boogie.apps.tasks.exceptions import ObjectGone, TaskCancelled
from boogie.apps.tasks.lifecycle import claim as claiming
from boogie.apps.tasks.lifecycle import emit as announce
from boogie.apps.tasks.lifecycle import states
from boogie.apps.tasks.models import Task
from boogie.apps.tasks.protocols import Declaration
from boogie.apps.tasks.serialization import payloads as arguments

from . import errors as failures
from . import settle
from .settle import Run

logger = logging.getLogger(__name__)

#: A claim waits this long for a database that went away before it gives the row up.
CLAIM_PATIENCE = 5.0


# --- claim ----------------------------------------------------------------------------


#: Of which kind the objects of a task have been, by the task's name.
_kinds: dict[str, claiming.Kind | None] = {}


def claim(task_id: str, name: str) -> Run | None:
    """Claim the queued row ``task_id`` of a task for this process; ``None``: not to be had."""
    using = router.db_for_write(Task)
    found = patience.patiently(using, partial(claim_both, using, task_id, name), CLAIM_PATIENCE)
    if found is None:
        return None
    row, obj = found
    run = read(row, obj)
    if obj is None and run.gone is None:
        _kinds[name] = claiming.kind_of(row)
    announce.one("task_started", row, using)
    return run


def claim_both(using: str, task_id: str, name: str) -> tuple[Task, Any] | None:
    """Claim a queued row; return it with its object, if that could be read along, or ``None``."""
    kind = _kinds.get(name)
    if kind is not None:
        everything = Task.objects.using(using).all()
        worker, pid = process.worker_id(), os.getpid()
        found = claiming.both(everything, task_id, kind, worker=worker, pid=pid)
        if found is not None:
            return found
    row = claim_row(using, task_id)
    return None if row is None else (row, None)


def claim_row(using: str, task_id: str) -> Task | None:
    """Move a queued row to ``running`` for this process and return it; ``None``: not to be had."""
    everything = Task.objects.using(using)
    return claiming.one(everything.all(), task_id, worker=process.worker_id(), pid=os.getpid())


def read(row: Task, obj: Any = None) -> Run:
    """Return a run of a claimed row, with its object: ``obj`` if that has been read already."""
    try:
        obj = row.get_object() if obj is None else obj
        return Run(row, [obj, *row.args], dict(row.kwargs))
    except ObjectDoesNotExist as error:
        kind = row.content_type.model
        gone = ObjectGone(f"{kind} {row.object_id!r} was deleted before {row.name} ran ({error})")
        return Run(row, [None, *row.args], dict(row.kwargs), gone=gone)
    except Exception as error:  # an alias that is configured no more, a key that does not parse
        return Run(row, [None, *row.args], dict(row.kwargs), gone=error)


# --- run ------------------------------------------------------------------------------


def perform(task: Declaration, run: Run, body: Callable[..., Any]) -> Any:
    """
    Call ``body`` with the run's arguments and pack its result; return what it returned.

    With ``atomic`` the body and the settling UPDATE share one transaction.
    """
    try:
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
        run.error = failures.describe(exception, run.row.attempt, run.row.worker)
        if isinstance(exception, SoftTimeLimitExceeded):
            # It may have struck in the middle of a query (celery#9824).
            close_connections()
        raise
    return run.result


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
    if _shows_a_snapshot(connections[run.db]):
        # The row is there for ever as it was. Others see nothing of it if a call() made it
        # in this transaction.
        return not sql.exists_now(itself.exclude(**state))
    return True


def _shows_a_snapshot(connection: Any) -> bool:
    """Return whether what others commit stays hidden until this transaction ends."""
    if connection.vendor == "sqlite" or not connection.in_atomic_block:
        return False
    level = connection.isolation_level  # text on MySQL, where None is the server's; else an enum
    return str(getattr(level, "name", level)).lower() not in ("read committed", "read_committed")


class _Undo(Exception):
    """Leave an ``atomic`` block whose run has lost its row."""


def _perform_atomically(task: Declaration, run: Run, body: Callable[..., Any]) -> None:
    try:
        with transaction.atomic(using=run.db):
            _perform(task, run, body)
            settle.finish_now(run)
            if run.outcome == "lost":
                raise _Undo
    except _Undo:
        reason = f"{run.row} was taken away while it ran; its effects are rolled back"
        raise Ignore(reason) from None
    except BaseException as exception:
        run.outcome = None  # whatever the UPDATE said, it was not committed
        if run.has_raised:
            raise
        give_up(task, run, exception)


def give_up(task: Declaration, run: Run, reason: BaseException) -> NoReturn:
    """
    Raise why a run that left nothing behind cannot go on.

    If that is a database that went away, before the body or after an ``atomic``
    one, the row is rescued and ``Ignore`` is raised.
    """
    delay = settle.delay_after_loss(run.row, task.rescue)
    if delay is None or not isinstance(reason, patience.AWAY):
        raise reason
    settle.rescue(run, reason, delay)
    raise Ignore(f"{run.row} has lost its database, it is queued again") from reason


def _perform(task: Declaration, run: Run, body: Callable[..., Any]) -> None:
    try:
        result = body(*run.args, **run.kwargs)
        if run.postponed is not None:
            raise run.postponed
        run.data = arguments.pack_result(task.name, task.serialize_result(result))
    except BaseException:
        run.has_raised = True
        raise
    run.result = result


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
