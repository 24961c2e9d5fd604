"""
Runs whose own process cannot settle them: it died, was killed, or never began.

Called in threads of the worker's main process: hooks of users run here, too.
"""

import logging
from functools import partial
from typing import Any

from billiard.einfo import ExceptionInfo
from celery.app.task import Context
from celery.signals import task_failure

from boogie.apps.tasks import identity, registry
from boogie.apps.tasks.db import ids as uuids
from boogie.apps.tasks.exceptions import UnknownTask, WorkerLost
from boogie.apps.tasks.functions import telling
from boogie.apps.tasks.lifecycle import places, states, transitions
from boogie.apps.tasks.limiting import handover
from boogie.apps.tasks.models import Task
from boogie.apps.tasks.protocols import Declaration

from . import around, delays, errors, settle, start
from .logs import records
from .run import Run

logger = logging.getLogger(__name__)

#: Seconds for which a worker that shuts down may still take a message: on Redis it has asked
#: for one (BRPOP, which kombu gives a second) and drops what comes.
LAST_TAKE = 2.0


def lose(row: Task, how: str) -> None:
    """
    Rescue a running row whose process is gone: queued again, or failed with ``WorkerLost``.

    ``how`` says in words what happened.
    """
    lost = WorkerLost(f"{how} while it ran attempt {row.attempt} of {row.name}")
    delay = delays.delay_after_loss(row)
    if delay is None:
        abandon(row, lost)
        return
    error = errors.describe(lost, row.attempt, row.worker)
    rows = Task.objects.using(row._state.db)
    try:
        moved = places.back(rows, row, partial(transitions.rescue, rows, row, error, delay))
    except places.PlaceTaken:
        _give_way(row, error)
        return
    if moved:
        records.lost(row, error)
        handover.after(row)


def _give_way(row: Task, error: dict[str, Any]) -> None:
    """Cancel a running row whose process is gone, since a newer one waits in its place."""
    taken = errors.superseded(row)
    why = errors.describe(taken, row.attempt, row.worker)
    if transitions.cancel_run(Task.objects.using(row._state.db), row, error, why):
        records.superseded(row, why)
        handover.after(row)
        if row.backend:
            telling.ended(row, taken)


def give_back(ids: list[str]) -> None:
    """Have other workers rung for rows that one has reserved and will not begin."""
    rows = Task.objects.on_primary()
    transitions.release(rows.filter(pk__in=ids), LAST_TAKE)


def abandon(row: Task, exception: Exception) -> None:
    """
    Fail a running row from outside its process, with the hooks and signals of a failure.

    They are called for the one who moved the row, once it has: they may take long.
    """
    run = start.begun(row)
    run.exception, run.error = exception, run.describe(exception)
    # Before anything of the project's is called: it may be what the process died of.
    settle.fail(run, run.error)
    records.ended(run)
    handover.after(row)
    task = registry.of_row(row)
    if run.outcome != states.FAILED or task is None:
        return
    try:
        _tell(start.restored(run), task, exception)
    finally:
        around.leave(run)


def _tell(run: Run, task: Declaration, exception: Exception) -> None:
    row = run.row
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
    if row.backend:
        telling.ended(row, exception)


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
    running = Task.objects.on_primary().running()
    return running.filter(pk=task_id, worker=identity.worker_id(), pid=pid).first()


def lose_child(task_id: str, pid: int | None, how: str) -> None:
    """Rescue the row that a dead child of this worker ran."""
    row = of_child(task_id, pid)
    if row is not None:
        lose(row, how)
    else:
        tell_killed(task_id, pid)


def tell_killed(task_id: str, pid: int | None) -> None:
    """Log the end of a run whose child is dead, if its row was cancelled before."""
    cancelled = Task.objects.on_primary().cancelled().filter(pk=task_id, pid=pid)
    row = cancelled.filter(worker=identity.worker_id()).first()
    if row is not None:
        records.killed(row)


def abandon_child(task_id: str, pid: int | None, exception: Exception) -> None:
    """Fail the row that a child of this worker ran, which was killed at its time limit."""
    row = of_child(task_id, pid)
    if row is not None:
        abandon(row, exception)


def refuse(task_id: str, name: str) -> None:
    """Fail the queued row of a task that nobody registered under ``name``, if it has that name."""
    row = start.claim_row(task_id, [name]) if uuids.is_of_a_row(task_id) else None
    if row is None:
        return
    known = ", ".join(sorted(task.name for task in registry.declared())) or "none"
    error = UnknownTask(
        f"no task {name!r} is registered in the worker {row.worker} (registered: {known})"
    )
    abandon(row, error)


def cancel_revoked(ids: list[str], terminate: bool) -> None:
    """Cancel the rows among tasks that were revoked through Celery; others have ids of any kind."""
    keys = [key for key in map(uuids.key_of, ids) if key is not None]
    transitions.cancel(Task.objects.on_primary().filter(pk__in=keys), terminate)
