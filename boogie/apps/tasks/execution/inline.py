"""
``call()``: a run here and now, in the process that asks for it.

It goes the way of a worker's run, under Celery's own tracer, so that every
hook and every signal runs.
"""

import logging
from typing import Any

from celery.app.trace import build_tracer
from celery.exceptions import Ignore, Reject, Retry
from django.db import models

from boogie.apps.tasks.enqueue import one
from boogie.apps.tasks.exceptions import NotUnique, TaskCancelled
from boogie.apps.tasks.lifecycle import emit, states
from boogie.apps.tasks.limiting import claim as limited
from boogie.apps.tasks.limiting import handover
from boogie.apps.tasks.protocols import Declaration
from boogie.apps.tasks.serialization import codec, references

from . import settle
from .logs import records
from .run import Run

logger = logging.getLogger(__name__)


def call(
    task: Declaration, obj: models.Model, args: Any, kwargs: Any, maker: Declaration | None = None
) -> Any:
    """
    Make a row and run it here and now; return what the function returned.

    ``maker``: the task as its row is to be made, where some of its options are others.
    """
    row = one.running(maker or task, obj, args, kwargs, limited.enter)
    if not row.is_new:
        raise NotUnique(f"{task.name} is {row.status} already: {row.pk}", row)
    arrived_args, arrived_kwargs = codec.round_trip([row.args, row.kwargs])
    run = Run(row, [references.unwrap(obj), *arrived_args], arrived_kwargs)
    arrow = states.CREATE_RUNNING
    while True:
        _trace(task, run, arrow)
        if run.outcome != states.QUEUED:
            return _outcome(run)
        run, arrow = _again(run), states.CLAIM


def _trace(task: Declaration, run: Run, arrow: states.Arrow) -> None:
    """Tell that it runs, and run the body under Celery's own tracer, as a worker does."""
    body: Any = task
    tracer = build_tracer(task.name, body, eager=True, propagate=False, app=task.app)
    request = {
        "id": str(run.row.pk),
        "is_eager": True,
        "boogie_run": run,
        "retries": run.row.retries,
        "hostname": run.row.worker,
        "delivery_info": {"is_eager": True, "priority": run.row.priority},
    }
    try:
        emit.one(arrow, run.row, run.db)
        tracer(str(run.row.pk), run.args, run.kwargs, request)
    except BaseException as exception:
        if _is_a_hooks(exception, run):
            about = (run.row.name, run.row.pk, run.outcome)
            logger.exception("%s[%s] is %s, and a hook of its task raised", *about)
            return
        # KeyboardInterrupt and SystemExit pass through signals and Celery's tracer unseen.
        run.exception = run.exception or exception
        settle.fail(run, run.error or run.describe(exception))
        records.ended(run)
        handover.after(run.row)
        raise


def _is_a_hooks(exception: BaseException, run: Run) -> bool:
    """Return whether the body has had its outcome before this was raised: that is what counts."""
    if run.outcome is None or not isinstance(exception, Exception):
        return False
    if run.exception is None:  # else it has not begun
        return run.outcome != states.FAILED
    return not isinstance(run.exception, Ignore | Retry | Reject)


def _outcome(run: Run) -> Any:
    if run.exception is not None and not isinstance(run.exception, Ignore):
        raise run.exception
    return run.result


def _again(run: Run) -> Run:
    """Return the next run of a ``call()`` that asked for a retry; its row has been claimed."""
    mine = run.itself.running().filter(worker=run.row.worker)
    row = mine.filter(attempt=run.row.attempt + 1).first()
    if row is None:
        raise TaskCancelled(f"{run.row} was cancelled, or given up, before it was retried")
    return Run(row, [run.args[0], *row.args], dict(row.kwargs))
