"""
One run: claim → run → settle.

Called by ``receivers.py`` (a worker's run, driven by Celery's signals) and by
``declare.py`` (the gate around the body, and ``call()``). All statements on
behalf of a run are here; what they say is in ``transitions.py``.
"""

import logging
import os
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any

from billiard.einfo import ExceptionInfo
from celery.app.task import Context
from celery.app.trace import build_tracer
from celery.exceptions import Ignore, Reject, Retry, SoftTimeLimitExceeded
from celery.signals import task_failure
from django.core.exceptions import ObjectDoesNotExist
from django.db import DatabaseError, connections, models, router, transaction

from . import arguments, enqueue, process, registry, states, transitions
from .conf import conf
from .exceptions import ObjectGone, ResultError, TaskCancelled, UnknownTask, WorkerLost
from .models import Task
from .querysets import TaskQuerySet

if TYPE_CHECKING:
    pass

logger = logging.getLogger(__name__)

Declaration = "BoogieTask[Any, ..., Any]"

#: A claim waits this long for a database that went away before it gives the row up.
CLAIM_PATIENCE = 5.0

MAX_TEXT = 100_000


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
    def rows(self) -> TaskQuerySet:
        return Task.objects.using(self.row._state.db)


# --- claim ----------------------------------------------------------------------------


def claim(task_id: str) -> Run | None:
    """Claim the queued row ``task_id`` for this process; ``None`` if it is not to be had."""
    using = router.db_for_write(Task)
    claiming = partial(_claim_row, using, task_id)
    row = transitions.patiently(using, claiming, CLAIM_PATIENCE)
    if row is None:
        return None
    run = read(row)
    transitions.announce("task_started", row, using)
    return run


def _claim_row(using: str, task_id: str) -> Task | None:
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


def perform(task: Declaration, run: Run, body: Callable[..., Any]) -> Any:
    """
    Call ``body`` with the run's arguments and pack its result; return what it returned.

    With ``atomic`` the body and the settling UPDATE share one transaction.
    """
    try:
        if not task.atomic:
            _perform(task, run, body)
        else:
            with transaction.atomic(using=run.row._state.db):
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
        run.error = describe(exception, run.row.attempt, run.row.worker)
        if isinstance(exception, SoftTimeLimitExceeded):
            # It may have struck in the middle of a query (celery#9824).
            close_connections()
        raise
    return run.result


class _Undo(Exception):
    """Leave an ``atomic`` block whose run has lost its row."""


def _perform(task: Declaration, run: Run, body: Callable[..., Any]) -> None:
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
        fail(run, describe(error, run.row.attempt, run.row.worker))


def _finish(run: Run) -> None:
    moved = transitions.finish(run.rows, run.row, run.data)
    _note(run, moved, states.FINISHED)


def fail(run: Run, error: dict[str, Any]) -> None:
    """Settle a run that raised."""
    _settle(run, lambda: _note(run, transitions.fail(run.rows, run.row, error), states.FAILED))


def retry(run: Run, reason: Retry) -> None:
    """Send the row of a run back to the queue, due at the time that ``reason`` names."""
    error = _retry_error(run, reason)
    delay = reason.when if reason.when is not None else 0
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
    control = run.exception
    if isinstance(control, Reject) and control.requeue:
        retry(run, Retry(exc=control, when=0))
    elif isinstance(control, Reject):
        fail(run, describe(control, run.row.attempt, run.row.worker))
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
        transitions.patiently(run.row._state.db or "", settling, conf.SETTLE_TIMEOUT)


def _is_broken(run: Run) -> bool:
    """
    Return whether the caller's transaction can only be rolled back, the row of a ``call()`` with it.

    A statement would fail there and hide the error that broke it.
    """
    connection = connections[run.row._state.db or ""]
    return connection.in_atomic_block and connection.needs_rollback


def _retry_error(run: Run, reason: Retry) -> dict[str, Any]:
    cause = reason.exc if isinstance(reason.exc, BaseException) else reason
    return describe(cause, run.row.attempt, run.row.worker)


# --- errors ---------------------------------------------------------------------------


def describe(exception: BaseException, attempt: int, worker: str) -> dict[str, Any]:
    """Return the entry of ``Task.errors`` for an exception that ended an attempt."""
    return entry(
        f"{type(exception).__module__}.{type(exception).__qualname__}",
        _message(exception),
        _traceback(exception, exception.__traceback__),
        attempt,
        worker,
    )


def entry(kind: str, message: str, trace: str, attempt: int, worker: str) -> dict[str, Any]:
    """Return an entry of ``Task.errors``; text is made fit for every database."""
    return {
        "attempt": attempt,
        "type": kind,
        "message": _fit(message),
        "traceback": _fit(trace),
        "at": datetime.now(UTC).isoformat(),
        "worker": worker,
    }


def _message(exception: BaseException) -> str:
    try:
        return str(exception)
    except Exception as error:
        return f"<the message cannot be made: {type(error).__qualname__}>"


def _traceback(exception: BaseException, trace: TracebackType | None) -> str:
    try:
        return "".join(traceback.format_exception(type(exception), exception, trace))
    except Exception:
        return "".join(traceback.format_tb(trace))


def _fit(text: str) -> str:
    """Return ``text`` without what a database refuses, cut in the middle if it is huge."""
    if len(text) > MAX_TEXT:
        half = MAX_TEXT // 2
        text = f"{text[:half]}\n… {len(text) - MAX_TEXT} characters left out …\n{text[-half:]}"
    return text.replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode()


# --- call() ---------------------------------------------------------------------------


def call(task: Declaration, obj: models.Model, args: Any, kwargs: Any) -> Any:
    """Make a row and run it here and now; return what the function returned."""
    row = enqueue.running(task, obj, args, kwargs)
    arrived_args, arrived_kwargs = arguments.round_trip([row.args, row.kwargs])
    run = Run(row, [arguments.unwrap(obj), *arrived_args], arrived_kwargs)
    while True:
        _trace(task, run)
        if run.outcome != states.QUEUED:
            return _outcome(task, run)
        run = _again(run)


def _trace(task: Declaration, run: Run) -> None:
    """Run the body under Celery's own tracer, as a worker does, so that every hook and signal runs."""
    tracer = build_tracer(task.name, task, eager=True, propagate=False, app=task.app)
    request = {
        "id": str(run.row.pk),
        "is_eager": True,
        "boogie_run": run,
        "retries": run.row.retries,
        "hostname": run.row.worker,
        "delivery_info": {"is_eager": True, "priority": run.row.priority},
    }
    try:
        tracer(str(run.row.pk), run.args, run.kwargs, request)
    except BaseException as exception:
        # KeyboardInterrupt and SystemExit pass through Celery's tracer unseen.
        fail(run, run.error or describe(exception, run.row.attempt, run.row.worker))
        raise


def _outcome(task: Declaration, run: Run) -> Any:
    if run.outcome == "lost" and task.atomic:
        raise TaskCancelled(f"{run.row} was cancelled while it ran; its effects are rolled back")
    if run.exception is not None and not isinstance(run.exception, Ignore):
        raise run.exception
    return run.result


def _again(run: Run) -> Run:
    """Claim the row of a ``call()`` that asked for a retry, at once."""
    using = run.row._state.db or ""
    mine = run.rows.filter(pk=run.row.pk)
    if not transitions.reclaim(mine, run.row):
        raise TaskCancelled(f"{run.row} was cancelled, or taken by a worker, before it was retried")
    row = mine.get()
    transitions.announce("task_started", row, using)
    return Run(row, [run.args[0], *row.args], dict(row.kwargs))


# --- connections ----------------------------------------------------------------------


def close_connections() -> None:
    """Close this thread's database connections, except inside a transaction of the caller."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close()


# --- runs whose process is gone -------------------------------------------------------

#: Seconds that a row waits after its first, second and every later loss.
LOSS_DELAYS = (0.0, 5.0, 20.0)


def lose(row: Task, how: str) -> None:
    """
    Rescue a running row whose process is gone: queued again, or failed with ``WorkerLost``.

    ``how`` says in words what happened.
    """
    task = registry.get(row.name)
    limit = conf.MAX_LOSSES if task is None or task.rescue else 0
    lost = WorkerLost(f"{how} while it ran attempt {row.attempt} of {row.name}")
    if row.losses >= limit or process.is_call(row.worker):
        abandon(row, lost)
        return
    delay = LOSS_DELAYS[min(row.losses, len(LOSS_DELAYS) - 1)]
    error = describe(lost, row.attempt, row.worker)
    rows = Task.objects.using(row._state.db)
    if transitions.rescue(rows, row, error, delay):
        logger.warning("%s; it is queued again", lost)


def abandon(row: Task, exception: Exception) -> None:
    """Fail a running row from outside its process, with the hooks and signals of a failure."""
    run = read(row)
    run.exception = exception
    run.error = describe(exception, row.attempt, row.worker)
    task = registry.get(row.name)
    if task is None or run.gone is not None:
        fail(run, run.error)
        return
    request = Context(
        id=str(row.pk),
        args=run.args,
        kwargs=run.kwargs,
        hostname=row.worker,
        retries=row.retries,
        called_directly=False,
        boogie_run=run,
    )
    task.request_stack.push(request)
    try:
        _fail_as_celery_does(task, request, exception)
    finally:
        task.request_stack.pop()
    fail(run, run.error)  # does nothing if the receiver of task_failure has settled it


def _fail_as_celery_does(task: Declaration, request: Any, exception: Exception) -> None:
    try:
        raise exception
    except Exception:
        einfo = ExceptionInfo()
    try:
        task.on_failure(exception, request.id, request.args, request.kwargs, einfo)
    except Exception:
        logger.exception("on_failure of %s raised", task.name)
    task_failure.send(
        sender=task,
        task_id=request.id,
        exception=exception,
        args=request.args,
        kwargs=request.kwargs,
        traceback=exception.__traceback__,
        einfo=einfo,
    )


def of_child(task_id: str, pid: int | None) -> Task | None:
    """Return the row that the process ``pid`` of this worker runs, if it still does."""
    running = Task.objects.using(router.db_for_write(Task)).running()
    return running.filter(pk=task_id, worker=process.worker_id(), pid=pid).first()


def lose_child(task_id: str, pid: int | None, how: str) -> None:
    """Rescue the row that a dead child of this worker ran."""
    row = of_child(task_id, pid)
    if row is not None:
        lose(row, how)


def abandon_child(task_id: str, pid: int | None, exception: Exception) -> None:
    """Fail the row that a child of this worker ran, which was killed at its time limit."""
    row = of_child(task_id, pid)
    if row is not None:
        abandon(row, exception)


def refuse(task_id: str, name: str) -> None:
    """Fail the queued row of a task that nobody registered under ``name``."""
    using = router.db_for_write(Task)
    row = _claim_row(using, task_id)
    if row is None:
        return
    known = ", ".join(sorted(task.name for task in registry.declared())) or "none"
    error = UnknownTask(
        f"no task {name!r} is registered in the worker {row.worker} (registered: {known})"
    )
    abandon(row, error)


def cancel_revoked(task_id: str) -> None:
    """Cancel the row of a task that was revoked through Celery."""
    using = router.db_for_write(Task)
    transitions.cancel(Task.objects.using(using).filter(pk=task_id))
