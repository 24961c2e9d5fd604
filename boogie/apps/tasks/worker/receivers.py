"""
All receivers of Celery's signals, connected in one place.

They run in whichever process sends the signal: the pool's child for the life
of a run, the worker's main process for unknown and revoked tasks. Celery logs
and swallows what a receiver raises; see ``declare.Gate`` for what that means.
"""

import sys
from typing import Any

from celery import signals

from boogie.apps.tasks.db import connections
from boogie.apps.tasks.declaration.base import BoogieTask
from boogie.apps.tasks.execution import errors, losses, settle, start
from boogie.apps.tasks.execution.run import Run
from boogie.apps.tasks.keeper import jobs


def claim(sender: Any, task_id: str, args: Any, kwargs: Any, **extra: Any) -> None:
    """task_prerun: claim the row, and hand its object and arguments to Celery's tracer."""
    if not isinstance(sender, BoogieTask):
        return
    request: Any = sender.request
    if request.is_eager:  # a call() has its row already
        return
    request.boogie_run = None
    connections.renew_connections()
    run = start.claim(task_id, sender.name)
    if run is None:
        return
    request.boogie_run = run
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
    row = run.row
    settle.fail(run, run.error or errors.describe(run.exception, row.attempt, row.worker))


def retry(sender: Any, reason: Any, **extra: Any) -> None:
    """task_retry: send the row back to the queue."""
    if (run := _run_of(sender)) is not None:
        settle.retry(run, reason)


def close(sender: Any, state: str | None = None, **extra: Any) -> None:
    """task_postrun: settle a run whose end no other signal told: ``Ignore``, a hook that raised."""
    run = _run_of(sender)
    # Without a state an exception is on its way; ``SystemExit`` is the end of this process.
    raised = sys.exception() if state is None else None
    if run is None or (state is None and not isinstance(raised, Exception)):
        return
    if raised is not None and run.error is None:
        run.error = errors.describe(raised, run.row.attempt, run.row.worker)
    settle.close(run, returned=state == "SUCCESS")


def refuse_unknown(sender: Any, name: str, id: str, **extra: Any) -> None:
    """task_unknown: the row fails, visibly."""
    jobs.submit(losses.refuse, id, name)


def cancel_revoked(sender: Any, request: Any, **extra: Any) -> None:
    """task_revoked: cancel the row."""
    if isinstance(sender, BoogieTask):
        jobs.submit(losses.cancel_revoked, request.id)


def _run_of(sender: Any) -> "Run | None":
    return sender._current_run if isinstance(sender, BoogieTask) else None


RECEIVERS = {
    "task_prerun": claim,
    "task_success": finish,
    "task_failure": fail,
    "task_retry": retry,
    "task_postrun": close,
    "task_unknown": refuse_unknown,
    "task_revoked": cancel_revoked,
}


def connect() -> None:
    """Connect every receiver; twice is once."""
    for name, receiver in RECEIVERS.items():
        uid = f"boogie_tasks.{name}"
        getattr(signals, name).connect(receiver, weak=False, dispatch_uid=uid)
