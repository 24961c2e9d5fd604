"""
What travelled with a row, restored around a run of it: body, hooks, signals and settling.

A context that raises changes nothing of the outcome, unless it is required: then the body does
not begin. One that swallows what the body raised makes no success of it.
"""

import sys
from typing import Any

from celery import signals
from celery.exceptions import SoftTimeLimitExceeded
from django.core.exceptions import ImproperlyConfigured

from boogie.apps.tasks import registry
from boogie.apps.tasks.conf import conf
from boogie.apps.tasks.serialization import carried

from . import errors
from .run import Run

#: Receivers at the end of a run, the last ones: of contexts, and of connections in a worker.
LEAVE, GIVE_BACK = "boogie_tasks.leave", "boogie_tasks.close_after"

#: Stands for what a row does not have.
NOTHING: Any = object()


def enter(run: Run, request: Any = None) -> None:
    """
    Restore every context that ``CONTEXTS`` lists, in that order, before the object is read.

    What is required and cannot be restored is noted as the reason why the body cannot begin.
    """
    if not conf.CONTEXTS:
        return
    _leave_last()
    subject = carried.Subject(registry.get(run.row.name), run.row, run=run, request=request)
    try:
        with carried.about(subject):
            for carrier in carried.listed():
                _enter(carrier, run)
    except (ImproperlyConfigured, SoftTimeLimitExceeded) as error:
        run.gone = run.gone or error


def _enter(carrier: carried.Carrier, run: Run) -> None:
    data = run.row.context.get(carrier.path, NOTHING)
    try:
        if data is NOTHING and carrier.required:
            raise LookupError(
                f"the row {run.row.pk} of {run.row.name} has nothing of {carrier.path}, which is "
                f"required: it was made where BOOGIE_TASKS['CONTEXTS'] does not list it. List it "
                f"in every process, and make the row again by its task."
            )
        if data is NOTHING or data is None:
            return
        manager = carrier.context.restore(data)
        manager.__enter__()
    except SoftTimeLimitExceeded:
        raise
    except BaseException as error:
        if errors.ends_the_process(error):
            raise
        _refuse(carrier, run, error)
    else:
        run.around.append((carrier, manager))


def _refuse(carrier: carried.Carrier, run: Run, error: BaseException) -> None:
    if carrier.required:
        error.add_note(
            f"{carrier.path} cannot be restored; it is required, so the body did not run"
        )
        run.gone = run.gone or error
    else:
        carried.tell(run.row, carrier.path, "restored", error)


def leave(run: Run) -> None:
    """Leave the contexts of a run that is settled, the last one first."""
    if not run.around:
        return
    error = run.exception or sys.exception()
    subject = carried.Subject(registry.get(run.row.name), run.row, run=run)
    with carried.about(subject):
        while run.around:
            carrier, manager = run.around.pop()
            _leave(run, carrier, manager, error)


def _leave(run: Run, carrier: carried.Carrier, manager: Any, error: Any) -> None:
    raised: Any = (None, None, None)
    if error is not None:
        raised = (type(error), error, error.__traceback__)
    try:
        manager.__exit__(*raised)
    except BaseException as wrong:
        if wrong is error:  # a generator passes on what it was given
            return
        if errors.ends_the_process(wrong):
            raise
        carried.tell(run.row, carrier.path, "left", wrong)


# --- Celery's signals -----------------------------------------------------------------


def close(sender: Any, **extra: Any) -> None:
    """task_postrun, behind all others: they may want what was restored."""
    run = sender._current_run if registry.is_ours(sender) else None
    if run is not None:
        leave(run)


def put_first(signal: Any, uid: str) -> None:
    """Have the receiver ``uid`` of a signal called before others, whoever was connected earlier."""
    _put(signal, uid, 0)


def _leave_last() -> None:
    """
    Have the contexts left after what others do at the end of a run, whoever came later.

    And what a run has of connections given back after that: contexts may ask the database.
    """
    signal: Any = signals.task_postrun
    last = [entry[0][0] for entry in signal.receivers[-2:]]
    if last[-1] == LEAVE or last == [LEAVE, GIVE_BACK]:
        return
    signal.connect(close, weak=False, dispatch_uid=LEAVE)
    _put(signal, LEAVE, len(signal.receivers))
    _put(signal, GIVE_BACK, len(signal.receivers))


def _put(signal: Any, uid: str, place: int) -> None:
    with signal.lock:
        found = [entry for entry in signal.receivers if entry[0][0] == uid]
        others = [entry for entry in signal.receivers if entry[0][0] != uid]
        # In place: tracers keep this very list.
        signal.receivers[:] = [*others[:place], *found, *others[place:]]
        signal.sender_receivers_cache.clear()
