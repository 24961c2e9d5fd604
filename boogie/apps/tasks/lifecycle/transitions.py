"""
Every move of a stored row: one guarded UPDATE for each arrow.

An arrow takes a queryset of rows, so that one row is the queryset filtered by its id. Nothing here
reads the broker, and nothing else changes ``status`` but the claim of a single row.

The public signal of an arrow is sent after the transaction commits. For many
rows at once the rows are read only when somebody listens to that signal.
"""

from functools import partial
from typing import Any

from django.db import connections, transaction
from django.db.models import F, QuerySet, Value
from django.db.models.functions import Coalesce, Greatest
from django.db.models.lookups import In

from boogie.apps.tasks.db import compiled, outages, sql
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.protocols import Row

from . import emit, history, states, timing, wiping
from .claimed import CLAIMED, claimed

Rows = QuerySet[Any]


# --- verbs of rows and querysets ------------------------------------------------------


def run(rows: Rows) -> int:
    """paused → queued. Due at its scheduled time, else now."""
    start = Coalesce(Greatest(F("scheduled_for"), Moment()), Moment())
    return _move(rows, states.RUN, due=start, not_before=start)


def pause(rows: Rows) -> int:
    """queued → paused."""
    return _move(rows, states.PAUSE, due=None, held_by=timing.in_its_line())


def cancel(rows: Rows, terminate: bool = False) -> int:
    """
    paused, queued, running → cancelled. A running body cannot write to the row any more.

    ``terminate``: its worker is to kill the process that runs it.
    """
    ended = {"due": None, "held_by": timing.in_its_line(), "ended": Moment()}
    return _move(rows, states.CANCEL, terminate=terminate, **ended)


def expire(rows: Rows) -> int:
    """paused, queued → cancelled: nobody has started them in time, which ``errors`` say."""
    late = rows.filter(timing.is_late())  # which no attempt has: there is no error before this one
    ended = {"due": None, "held_by": timing.in_its_line(), "ended": Moment()}
    return _move(late, states.CANCEL, errors=history.joined([], history.EXPIRED_ENTRY), **ended)


def requeue(rows: Rows) -> int:
    """failed, cancelled → queued: a retry by hand, which does not expire. ``attempt`` goes on."""
    return _move(
        wiping.runnable(rows),
        states.REQUEUE,
        due=Moment(),
        not_before=Moment(),
        held_by=timing.in_its_line(),
        expires=None,
        started=None,
        ended=None,
        retries=0,
        losses=0,
        result=None,
        terminate=False,
        error_type="",
        acknowledged=None,
        acknowledged_by_id="",
    )


def run_now(rows: Rows) -> int:
    """queued → queued, due now: of what waits for its time. ``scheduled_for`` stays."""
    waiting = rows.filter(not_before__gt=Moment())
    return update(waiting, states.HASTEN, due=Moment(), not_before=Moment())


def acknowledge(rows: Rows, by: str) -> int:
    """failed → failed, and no longer open; ``by``: the key of a user, or empty."""
    open_ones = rows.filter(acknowledged=None)
    return update(open_ones, states.ACKNOWLEDGE, acknowledged=Moment(), acknowledged_by_id=by)


# --- one run --------------------------------------------------------------------------


def claim(rows: Rows, *, worker: str, pid: int, keeps_all: bool = False) -> int:
    """queued → running, attempt + 1. Zero: somebody else was first, or it is too early."""
    return update(timing.ripe(rows), states.CLAIM, **claimed(Value(worker), pid, keeps_all))


def prepared(rows: Rows, name: str, value: Any) -> Any:
    """Return ``value`` of a field as the database takes it."""
    field: Any = rows.model._meta.get_field(name)
    return field.get_db_prep_save(field.to_python(value), connections[rows.db])


def reclaim(rows: Rows, row: Row) -> int:
    """queued → running, attempt + 1, by the ``call()`` that sent ``row`` back; due or not."""
    changes = {**CLAIMED, "unique_key": row.unique_key}
    return update(rows.filter(attempt=row.attempt), states.CLAIM, **changes)


def finish(rows: Rows, row: Row, result: Any) -> int:
    """running → finished, guarded by the attempt. Zero: the run has lost its row."""
    connection = connections[rows.db]
    statement = compiled.cached(rows.db, "finish", lambda c: finish_update(rows, c).statement())
    values = finished(rows, row, result)
    moved: int = outages.unlocked(rows.db, partial(statement.count, connection, values))
    if moved:
        emit.many(states.FINISH, rows, [row.pk])
    return moved or wiping.finish(rows, row)


def finished(rows: Rows, row: Row, result: Any) -> dict[str, Any]:
    """Return the values for the slots of :func:`finish_update`."""
    field = rows.model._meta.get_field("result")
    return {
        "id": prepared(rows, "id", row.pk),
        "attempt": row.attempt,
        "result": field.get_db_prep_save(result, connections[rows.db]),
    }


def finish_update(rows: Rows, connection: Any) -> compiled.Update:
    """Return the UPDATE that :func:`finished` has the values of."""
    slot = partial(compiled.slot, rows.model)
    everything = rows.model._base_manager.using(rows.db)
    its_own = everything.filter(pk=slot("id"), attempt=slot("attempt"))
    mine = guarded(wiping.unmarked(its_own, states.FINISH), states.FINISH)
    changes = {"status": states.FINISH.target, "result": slot("result"), "ended": Moment()}
    return compiled.Update(connection, mine, changes)


def fail(rows: Rows, row: Row, error: dict[str, Any]) -> int:
    """running → failed, guarded by the attempt; ``error`` joins the row's ``errors``."""
    return _settle(
        rows,
        row,
        states.FAIL,
        errors=history.joined(row.errors, error),
        error_type=error["type"][:255],
        ended=Moment(),
    )


def retry(rows: Rows, row: Row, error: dict[str, Any], due: Any, **changes: Any) -> int:
    """running → queued, retries + 1, due at ``due``: an expression, or a time as it is stored."""
    return _settle(
        rows,
        row,
        states.RETRY,
        errors=history.joined(row.errors, error),
        retries=F("retries") + 1,
        due=due,
        not_before=due,
        held_by=timing.in_its_line(),
        started=None,
        **changes,
    )


def rescue(rows: Rows, row: Row, error: dict[str, Any], delay: float) -> int:
    """running → queued, losses + 1, due after ``delay`` seconds; guarded by the attempt."""
    due = Moment(delay)
    return _settle(
        rows,
        row,
        states.RESCUE,
        errors=history.joined(row.errors, error),
        losses=F("losses") + 1,
        due=due,
        not_before=due,
        held_by=timing.in_its_line(),
        started=None,
    )


def cancel_run(rows: Rows, row: Row, *errors: dict[str, Any]) -> int:
    """running → cancelled by the run itself, guarded by the attempt; ``errors``: why."""
    rows = rows.filter(status=states.RUNNING)  # a row rescued meanwhile has the attempt too
    why = {"errors": history.joined(row.errors, *errors)} if errors else {}
    return _settle(rows, row, states.CANCEL, ended=Moment(), **why)


def note(connection: Any, rows: Rows, row: Row, changes: dict[str, Any]) -> int:
    """Write what a run tells of itself, by ``connection``; guarded as its settling is."""
    mine = guarded(rows.filter(pk=row.pk, attempt=row.attempt), states.FINISH)
    return compiled.Update(connection, mine, changes).statement().count(connection, {})


def is_free_to(rows: Rows, row: Row) -> bool:
    """Return whether a run still has its row, and nobody but this transaction has locked it."""
    mine = guarded(rows.filter(pk=row.pk, attempt=row.attempt), states.FINISH)
    return bool(mine.select_for_update(skip_locked=True).values_list("pk", flat=True))


def release(rows: Rows, lease: float = 0.0) -> int:
    """queued but reserved by a worker → queued, due now or after ``lease`` seconds."""
    return update(rows, states.RELEASE, due=Moment(lease))


# --- how ------------------------------------------------------------------------------


def _settle(rows: Rows, row: Row, arrow: states.Arrow, **changes: Any) -> int:
    its_own = wiping.unmarked(rows.filter(pk=row.pk, attempt=row.attempt), arrow)
    moved = update(its_own, arrow, **changes)
    if moved:
        emit.many(arrow, rows, [row.pk])
    return moved or wiping.obey(rows, row, arrow, changes)


def update(rows: Rows, arrow: states.Arrow, **changes: Any) -> int:
    """Do the one UPDATE of an arrow; return how many rows moved."""
    move = partial(guarded(rows, arrow).update, status=arrow.target, **changes)
    return outages.unlocked(rows.db, move)


def guarded(rows: Rows, arrow: states.Arrow) -> Rows:
    """Return those of ``rows`` that an arrow may move."""
    status = F("status")
    return rows.filter(In(sql.Unindexed(status) if sql.names_keys(rows) else status, arrow.sources))


def _move(rows: Rows, arrow: states.Arrow, **changes: Any) -> int:
    """Update any number of rows, then announce each if anybody listens."""
    if not emit.is_heard(arrow):
        return update(rows, arrow, **changes)
    return outages.unlocked(rows.db, partial(_move_and_tell, rows, arrow, changes))


def _move_and_tell(rows: Rows, arrow: states.Arrow, changes: dict[str, Any]) -> int:
    with transaction.atomic(using=rows.db):
        ids = list(guarded(rows, arrow).select_for_update().values_list("pk", flat=True))
        everything = rows.model._base_manager.using(rows.db)
        chunks = (ids[start : start + emit.CHUNK] for start in range(0, len(ids), emit.CHUNK))
        moved = sum(update(everything.filter(pk__in=some), arrow, **changes) for some in chunks)
        emit.many(arrow, rows, ids)
    return moved
