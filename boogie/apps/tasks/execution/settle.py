"""
The end of a run: the one UPDATE that says how it ended.

A run settles once; whoever comes second finds its outcome. No body and no hook is called here.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from celery.exceptions import Ignore, Reject, Retry
from django.db import DatabaseError, DataError, OperationalError, connections, transaction

from boogie.apps.tasks import policies
from boogie.apps.tasks.conf import conf
from boogie.apps.tasks.db import features, outages
from boogie.apps.tasks.exceptions import ResultError, TaskCancelled
from boogie.apps.tasks.functions import telling
from boogie.apps.tasks.lifecycle import finishing, places, states, transitions, wiping
from boogie.apps.tasks.limiting import claim as limited
from boogie.apps.tasks.serialization import codec

from . import delays, errors
from .run import DELETED, TAKEN, Run


def finish(run: Run) -> None:
    """Settle a run whose body returned; one that the database refuses to store has failed."""
    if run.outcome is not None:
        return
    try:
        _settle(run, partial(finish_now, run))
    except DatabaseError as refusal:
        if outages.is_outage(refusal) or _is_broken(run):
            raise
        run.exception = error = _refused(run, refusal)
        fail(run, run.describe(error))


def finish_within(run: Run) -> None:
    """Settle a run whose body returned, in the transaction around it."""
    try:
        finish_now(run)
    except DatabaseError as refusal:
        if outages.is_outage(refusal):
            raise
        raise _refused(run, refusal) from refusal


def _refused(run: Run, refusal: DatabaseError) -> ResultError:
    kind = type(run.result).__qualname__
    return ResultError(
        f"{run.row.name} returned a {kind} that the database refuses to store: {refusal}"
    )


def finish_now(run: Run) -> None:
    """Do the settling UPDATE of a run whose body returned."""
    try:
        moved = _finish(run)
    except OperationalError as error:
        if features.takes_statement(connections[run.db], partial(codec.to_json, run.data)):
            raise
        raise DataError("more than the server takes (max_allowed_packet)") from error
    _note(run, moved, states.FINISHED)


def _finish(run: Run) -> int:
    is_read = run.row.backend and telling.is_told_of_success()
    if is_read and features.returns_from_update(connections[run.db]):
        run.settled = finishing.finish_and_read(run.rows, run.row, run.data)
        return 1 if run.settled is not None else finishing.finish_marked(run.rows, run.row)
    return transitions.finish(run.rows, run.row, run.data)


def fail(run: Run, error: dict[str, Any]) -> None:
    """Settle a run that raised."""
    run.reason = error
    _settle(run, lambda: _note(run, transitions.fail(run.rows, run.row, error), states.FAILED))


def retry(run: Run, reason: Retry) -> None:
    """Send the row of a run back to the queue, due at the time that ``reason`` names."""
    cause = reason.exc if isinstance(reason.exc, BaseException) else reason
    try:
        due = delays.due_after_retry(run, reason)
    except ValueError as error:
        run.exception = error
        fail(run, run.describe(error))
        return
    run.reason = run.describe(cause)
    move = partial(transitions.retry, run.rows, run.row, run.reason, due, **run.changes)
    if run.is_call:
        _settle(run, lambda: _note(run, _retry_here(run, move), states.QUEUED))
    else:
        _go_back(run, move)


def _retry_here(run: Run, move: Callable[..., int]) -> int:
    """
    Send back the row of a ``call()`` and claim it again: no worker gets it in between.

    Nor does it wait in between: a newer one that does is in nobody's way.
    """
    placeless = {"unique_key": ""} if places.is_in_line(run.row) else {}
    with transaction.atomic(using=run.db):
        moved = move(**placeless) and transitions.reclaim(run.itself, run.row)
        limited.go_on(run.db, run.row)
        return moved


def _go_back(run: Run, move: Callable[[], int]) -> None:
    """Send the row of a run back to the queue; cancel it if a newer one waits in its place."""
    back = partial(places.back, run.rows, run.row, move)
    try:
        _settle(run, lambda: _note(run, back(), states.QUEUED))
    except places.PlaceTaken:
        why, run.reason = run.reason or {}, run.describe(errors.superseded(run.row))
        give_way = partial(transitions.cancel_run, run.rows, run.row, why, run.reason)
        _settle(run, lambda: _note(run, give_way(), states.CANCELLED))


def rescue(run: Run, error: BaseException, delay: float) -> None:
    """Send back the row of a run of which nothing remains: its database was away."""
    run.reason = run.describe(error)
    _go_back(run, partial(transitions.rescue, run.rows, run.row, run.reason, delay))


def cancel(run: Run) -> None:
    """Cancel the row of a run that was told to record no outcome."""
    _settle(run, lambda: _note(run, transitions.cancel_run(run.rows, run.row), states.CANCELLED))


def follow_object(run: Run, policy: str, reason: BaseException) -> None:
    """
    Cancel, or delete, the row of a run whose object is gone, as the deletion would have done.

    That has not seen it: it was made, or sent back, at the same moment; or it went round Django.
    """
    run.reason = why = run.describe(reason)
    if policy == policies.CASCADE:
        _settle(run, lambda: _note(run, wiping.leave(run.rows, run.row), DELETED))
    else:
        give_up = partial(transitions.cancel_run, run.rows, run.row, why)
        _settle(run, lambda: _note(run, give_up(), states.CANCELLED))


def close(run: Run, returned: bool) -> None:
    """
    Settle a run that Celery ends without telling: ``Ignore``, ``Reject``, or a hook that raised.

    ``Ignore`` (no outcome is to be recorded) cancels the row, as ``TaskCancelled``
    does if it was not cancelled before; ``Reject`` fails it, or with
    ``requeue=True`` sends it back to the queue. A hook that raised changes
    nothing of what the body asked for; only a ``call()`` makes no retry then.
    """
    match run.exception:
        case Reject() as rejected:
            _reject(run, rejected)
        case Ignore() | TaskCancelled():
            cancel(run)
        case Retry() as reason if not run.is_call:
            retry(run, reason)
        case _ if run.error is not None:
            fail(run, run.error)
        case _ if returned:
            finish(run)


def _reject(run: Run, rejected: Reject) -> None:
    if getattr(rejected, "requeue", False):
        retry(run, Retry(exc=rejected))
    else:
        fail(run, run.describe(rejected))


def _note(run: Run, moved: int, outcome: str) -> None:
    run.outcome = outcome if moved else TAKEN


def _settle(run: Run, settling: Callable[[], None]) -> None:
    """Settle once, waiting for a database that is away."""
    if run.outcome is None and not _is_broken(run):
        outages.patiently(run.db, settling, conf.SETTLE_TIMEOUT)


def _is_broken(run: Run) -> bool:
    """
    Return whether the transaction around a ``call()`` can only be rolled back, its row with it.

    A statement would fail there and hide the error that broke it.
    """
    connection = connections[run.db]
    return connection.in_atomic_block and connection.needs_rollback
