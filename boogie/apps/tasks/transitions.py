"""
Every change of status: one guarded UPDATE for each arrow of ``states.py``.

Callers are ``models.py`` and ``querysets.py`` (verbs), ``execute.py`` (a run)
and ``keeper.py``. All take a queryset of rows, so that one row is the queryset
filtered by its id. Nothing here reads the broker, and nothing else in this
package writes ``status``.

The public signal of an arrow is sent after the transaction commits. For many
rows at once the rows are read only when somebody listens to that signal.
"""

from functools import partial
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce, Greatest

from . import patience, registry, signals, states
from .clock import Moment

if TYPE_CHECKING:
    from .models import Task

Rows = QuerySet["Task"]

SIGNAL_CHUNK = 500


# --- verbs of rows and querysets ------------------------------------------------------


def run(rows: Rows, lease: float = 0.0) -> int:
    """paused → queued. Due at its scheduled time, else after ``lease`` seconds."""
    start = Coalesce(Greatest(F("scheduled_for"), Moment()), Moment())
    due = Coalesce(Greatest(F("scheduled_for"), Moment()), Moment(lease))
    return _move(rows, states.RUN, due=due, not_before=start)


def pause(rows: Rows) -> int:
    """queued → paused."""
    return _move(rows, states.PAUSE, due=None)


def cancel(rows: Rows, terminate: bool = False) -> int:
    """
    paused, queued, running → cancelled. A running body cannot write to the row any more.

    ``terminate``: its worker is to kill the process that runs it.
    """
    return _move(rows, states.CANCEL, due=None, ended=Moment(), terminate=terminate)


def requeue(rows: Rows, lease: float = 0.0) -> int:
    """failed, cancelled → queued: a retry by hand. ``attempt`` goes on counting."""
    return _move(
        rows,
        states.REQUEUE,
        due=Moment(lease),
        not_before=Moment(),
        started=None,
        ended=None,
        retries=0,
        losses=0,
        result=None,
        terminate=False,
    )


# --- one run --------------------------------------------------------------------------


def claim(rows: Rows, *, worker: str, pid: int) -> int:
    """queued → running, attempt + 1. Zero: somebody else was first, or it is too early."""
    ripe = Q(not_before=None) | Q(not_before__lte=Moment())
    return _update(
        rows.filter(ripe),
        states.CLAIM,
        attempt=F("attempt") + 1,
        worker=worker,
        pid=pid,
        started=Moment(),
        due=None,
        not_before=None,
    )


def reclaim(rows: Rows, row: "Task") -> int:
    """queued → running, attempt + 1, by the ``call()`` that sent ``row`` back; due or not."""
    return _update(
        rows.filter(attempt=row.attempt),
        states.CLAIM,
        attempt=F("attempt") + 1,
        started=Moment(),
        due=None,
        not_before=None,
    )


def finish(rows: Rows, row: "Task", result: Any) -> int:
    """running → finished, guarded by the attempt. Zero: the run has lost its row."""
    return _settle(rows, row, states.FINISH, result=result, ended=Moment())


def fail(rows: Rows, row: "Task", error: dict[str, Any]) -> int:
    """running → failed, guarded by the attempt; ``error`` joins the row's ``errors``."""
    return _settle(rows, row, states.FAIL, errors=[*row.errors, error], ended=Moment())


def retry(rows: Rows, row: "Task", error: dict[str, Any], delay: Any, **changes: Any) -> int:
    """running → queued, retries + 1, due at ``delay`` (seconds or an aware datetime)."""
    due = Moment(delay) if isinstance(delay, int | float) else delay
    return _settle(
        rows,
        row,
        states.RETRY,
        errors=[*row.errors, error],
        retries=F("retries") + 1,
        due=due,
        not_before=due,
        started=None,
        **changes,
    )


def rescue(rows: Rows, row: "Task", error: dict[str, Any], delay: float) -> int:
    """running → queued, losses + 1, due after ``delay`` seconds; guarded by the attempt."""
    due = Moment(delay)
    return _settle(
        rows,
        row,
        states.RESCUE,
        errors=[*row.errors, error],
        losses=F("losses") + 1,
        due=due,
        not_before=due,
        started=None,
    )


def cancel_run(rows: Rows, row: "Task") -> int:
    """running → cancelled by the run itself, guarded by the attempt."""
    running = rows.filter(status=states.RUNNING)  # a row rescued meanwhile has the attempt too
    return _settle(running, row, states.CANCEL, ended=Moment())


def release(rows: Rows) -> int:
    """queued but reserved by a worker → queued, due now."""
    return _update(rows, states.RELEASE, due=Moment())


# --- how ------------------------------------------------------------------------------


def _settle(rows: Rows, row: "Task", arrow: states.Arrow, **changes: Any) -> int:
    guarded = rows.filter(pk=row.pk, attempt=row.attempt)
    moved = _update(guarded, arrow, **changes)
    if moved:
        _announce_ids(arrow, rows, [row.pk])
    return moved


def _update(rows: Rows, arrow: states.Arrow, **changes: Any) -> int:
    """Do the one UPDATE of an arrow; return how many rows moved."""
    guarded = rows.filter(status__in=arrow.sources)
    return patience.unlocked(rows.db, partial(guarded.update, status=arrow.target, **changes))


def _move(rows: Rows, arrow: states.Arrow, **changes: Any) -> int:
    """Update any number of rows, then announce each if anybody listens."""
    if arrow.signal is None or not getattr(signals, arrow.signal).receivers:
        return _update(rows, arrow, **changes)
    with transaction.atomic(using=rows.db):
        guarded = rows.filter(status__in=arrow.sources)
        ids = list(guarded.select_for_update().values_list("pk", flat=True))
        everything = rows.model._base_manager.using(rows.db)
        moved = 0
        for start in range(0, len(ids), SIGNAL_CHUNK):
            chunk = everything.filter(pk__in=ids[start : start + SIGNAL_CHUNK])
            moved += _update(chunk, arrow, **changes)
        _announce_ids(arrow, rows, ids)
    return moved


def _announce_ids(arrow: states.Arrow, rows: Rows, ids: list[Any]) -> None:
    """Send the signal of ``arrow`` for the rows ``ids`` once their transaction has committed."""
    if arrow.signal is not None and getattr(signals, arrow.signal).receivers:
        everything = rows.model._base_manager.using(rows.db)
        sending = partial(_send_ids, arrow.signal, everything, ids)
        transaction.on_commit(sending, using=rows.db, robust=True)


def announce(signal_name: str, row: "Task", using: str) -> None:
    """Send a signal for one row that is already loaded, after commit."""
    if getattr(signals, signal_name).receivers:
        transaction.on_commit(partial(send, signal_name, row), using=using, robust=True)


def send(signal_name: str, row: "Task") -> None:
    """Send one of our signals now; a receiver that raises is logged by Django."""
    signal = getattr(signals, signal_name)
    signal.send_robust(sender=registry.get(row.name), task=row)


def _send_ids(signal_name: str, everything: Rows, ids: list[Any]) -> None:
    for start in range(0, len(ids), SIGNAL_CHUNK):
        chunk = everything.filter(pk__in=ids[start : start + SIGNAL_CHUNK])
        for row in chunk.order_by("created", "pk"):
            send(signal_name, row)
