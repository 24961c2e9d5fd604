"""
Celery's signals of one attempt, from its claim to its settling.

They are sent by Celery's tracer: in a worker, and where ``call()`` runs a body. Celery logs
and swallows what a receiver raises: so the gate of a task looks for what was claimed here
before it lets the body run.
"""

import sys
import time
from typing import Any

from celery import signals

from boogie.apps.tasks import registry
from boogie.apps.tasks.db import ids
from boogie.apps.tasks.db.connections import renew_connections
from boogie.apps.tasks.db.lending import bodies
from boogie.apps.tasks.functions import telling
from boogie.apps.tasks.lifecycle import emit, states
from boogie.apps.tasks.limiting import handover
from boogie.apps.tasks.models import Task

from . import around, errors, expiry, settle, start, strays
from .logs import concealing, records
from .run import Run


def claim(sender: Any, task_id: str, args: Any, kwargs: Any, **extra: Any) -> None:
    """task_prerun: claim the row, and hand its object and arguments to Celery's tracer."""
    if not registry.is_ours(sender):
        return
    request: Any = sender.request
    if request.is_eager:  # a call() has its row already
        if (called := _run_of(sender)) is not None:
            around.enter(called, request)
            start.read_arguments(called)
        return
    request.boogie_run = None
    since = time.monotonic()
    bodies.begin()
    renew_connections()
    run = start.claim(task_id, sender.name, request) if ids.is_of_a_row(task_id) else None
    if run is None:
        strays.warn(sender, request)
        if ids.is_of_a_row(task_id) and _may_expire(sender):
            expiry.expire(Task.objects.on_primary().filter(pk=task_id))
        return
    run.since = since
    request.boogie_run = run  # before anybody is told, who may raise
    emit.one(states.CLAIM, run.row, run.db)
    if run.row.backend:
        telling.started(run.row)
    request.retries = run.row.retries
    # Celery passes these very objects to the hooks and to the body.
    args[:] = run.args
    kwargs.update(run.kwargs)


def _may_expire(task: Any) -> bool:
    """Return whether a row of ``task`` may not be claimed since it is late; functions say later."""
    return task.expires is not None or task.name == registry.FUNCTION


def finish(sender: Any, **extra: Any) -> None:
    """task_success: settle the row."""
    if (run := _run_of(sender)) is not None:
        settle.finish(run)
        _ended(run)


def fail(sender: Any, exception: BaseException, einfo: Any = None, **extra: Any) -> None:
    """task_failure: settle the row."""
    if (run := _run_of(sender)) is None:
        return
    run.exception = run.exception or exception
    if run.began is None and run.outcome is None:  # what comes before the body has raised
        records.started(run)
    settle.fail(run, run.error or run.describe(run.exception))
    _ended(run)
    if run.hidden:
        concealing.failure(run, einfo)


def retry(sender: Any, reason: Any, einfo: Any = None, **extra: Any) -> None:
    """task_retry: send the row back to the queue."""
    if (run := _run_of(sender)) is None:
        return
    settle.retry(run, reason)
    _ended(run)
    if run.hidden:
        concealing.retry(run, reason, einfo)


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
    _ended(run)
    if run.row.backend and run.outcome in states.ENDED:
        _tell_backend(run)


def _tell_backend(run: Run) -> None:
    """Tell receivers of Django Tasks how a function has ended."""
    if run.outcome != states.FINISHED:
        telling.ended(run.row, run.exception)
    elif telling.is_told_of_success():
        telling.ended(run.settled or run.row, run.exception)


def _ended(run: Run) -> None:
    """Have those woken who wait for what a run held, once; and tell of its end."""
    if run.row.limits and run.outcome is not None and not run.is_handed_over:
        run.is_handed_over = True
        handover.after(run.row)
    records.ended(run)


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
    """Connect every receiver, and log in Celery's place; twice is once."""
    records.connect()
    for name, receiver in RECEIVERS.items():
        uid = f"boogie_tasks.{name}"
        getattr(signals, name).connect(receiver, weak=False, dispatch_uid=uid)
    # Other receivers find what was claimed and restored: headers of the request, say.
    around.put_first(signals.task_prerun, "boogie_tasks.task_prerun")
