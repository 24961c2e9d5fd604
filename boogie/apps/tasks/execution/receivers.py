"""
Celery's signals of one attempt, from its claim to its settling.

They are sent by Celery's tracer: in a worker, and where ``call()`` runs a body. Celery logs
and swallows what a receiver raises: so the gate of a task looks for what was claimed here
before it lets the body run.
"""

import sys
from typing import Any

from celery import signals

from boogie.apps.tasks import registry
from boogie.apps.tasks.db import ids
from boogie.apps.tasks.db.connections import renew_connections
from boogie.apps.tasks.lifecycle import emit, states

from . import errors, settle, start, strays
from .run import Run


def claim(sender: Any, task_id: str, args: Any, kwargs: Any, **extra: Any) -> None:
    """task_prerun: claim the row, and hand its object and arguments to Celery's tracer."""
    if not registry.is_ours(sender):
        return
    request: Any = sender.request
    if request.is_eager:  # a call() has its row already
        return
    request.boogie_run = None
    renew_connections()
    run = start.claim(task_id, sender.name) if ids.is_of_a_row(task_id) else None
    if run is None:
        strays.warn(sender, request)
        return
    request.boogie_run = run  # before anybody is told, who may raise
    emit.one(states.CLAIM, run.row, run.db)
    request.retries = run.row.retries
    # Celery passes these very objects to the hooks and to the body.
    args[:] = run.args
    kwargs.update(run.kwargs)


def finish(sender: Any, **extra: Any) -> None:
    """task_success: settle the row."""
    if (run := _run_of(sender)) is not None:
        settle.finish(run)


def fail(sender: Any, exception: BaseException, **extra: Any) -> None:
    """task_failure: settle the row."""
    if (run := _run_of(sender)) is None:
        return
    run.exception = run.exception or exception
    settle.fail(run, run.error or run.describe(run.exception))


def retry(sender: Any, reason: Any, **extra: Any) -> None:
    """task_retry: send the row back to the queue."""
    if (run := _run_of(sender)) is not None:
        settle.retry(run, reason)


def close(sender: Any, state: str | None = None, **extra: Any) -> None:
    """task_postrun: settle a run whose end no other signal told: ``Ignore``, a hook that raised."""
    run = _run_of(sender)
    # Without a state an exception is on its way that Celery does not handle.
    raised = sys.exception() if state is None else None
    if run is None or (state is None and _is_left_alone(raised, sender)):
        return
    if raised is not None and run.error is None:
        run.error = run.describe(raised)
    settle.close(run, returned=state == "SUCCESS")


def _is_left_alone(raised: BaseException | None, task: Any) -> bool:
    """Return whether others learn of the end of a run, and say what becomes of its row."""
    return raised is None or errors.ends_the_process(raised) or errors.is_time_limit(raised, task)


def _run_of(sender: Any) -> Run | None:
    return sender._current_run if registry.is_ours(sender) else None


RECEIVERS = {
    "task_prerun": claim,
    "task_success": finish,
    "task_failure": fail,
    "task_retry": retry,
    "task_postrun": close,
}


def connect() -> None:
    """Connect every receiver; twice is once."""
    for name, receiver in RECEIVERS.items():
        uid = f"boogie_tasks.{name}"
        getattr(signals, name).connect(receiver, weak=False, dispatch_uid=uid)
