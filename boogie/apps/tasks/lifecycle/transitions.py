"""
Every move of a stored row: one guarded UPDATE for each arrow.

An arrow takes a queryset of rows, so that one row is the queryset filtered by its id. Nothing here
reads the broker, and nothing else changes ``status`` but the claim of a single row.

The public signal of an arrow is sent after the transaction commits. For many
rows at once the rows are read only when somebody listens to that signal.
"""

from typing import Any

from django.db.models import F, QuerySet
from django.db.models.functions import Coalesce, Greatest

from boogie.apps.tasks.db import compiled
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.db.updating import marked
from boogie.apps.tasks.protocols import Row

from . import emit, history, moving, states, timing, wiping
from .batched import members
from .batched import telling as batched
from .claimed import CLAIMED
from .finishing import finish as finish
from .needs import arrows, breaking

Rows = QuerySet[Any]


# --- verbs of rows and querysets ------------------------------------------------------


def run(rows: Rows) -> int:
    """paused → queued. Due at its scheduled time, else now."""
    start = Coalesce(Greatest(F("scheduled_for"), Moment()), Moment())
    due, held_by = timing.due_unless_after(start), timing.held_unless_free()
    return moving.move(rows, states.RUN, due=due, not_before=start, held_by=held_by)


def pause(rows: Rows) -> int:
    """queued → paused."""
    return moving.move(rows, states.PAUSE, due=None, held_by=timing.in_its_line())


def cancel(rows: Rows, terminate: bool = False) -> int:
    """
    paused, queued, running → cancelled. A running body cannot write to the row any more.

    ``terminate``: its worker is to kill the process that runs it.
    """
    return _cancel(rows, terminate=terminate)


def expire(rows: Rows) -> int:
    """paused, queued → cancelled: nobody has started them in time, which ``errors`` say."""
    late = rows.filter(timing.is_late())  # which no attempt has: there is no error before this one
    return _cancel(late, errors=history.joined([], history.EXPIRED_ENTRY))


def requeue(rows: Rows) -> int:
    """failed, cancelled → queued: a retry by hand, which does not expire. ``attempt`` goes on."""
    return moving.move_marked(
        wiping.runnable(rows),
        states.REQUEUE,
        {**arrows.AFTER, **members.BATCH},
        _reopen,
        due=timing.due_unless_after(Moment()),
        not_before=Moment(),
        held_by=timing.held_unless_free(timing.in_its_line()),
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
    due = timing.due_unless_after(Moment())
    return moving.update(waiting, states.HASTEN, due=due, not_before=Moment())


def acknowledge(rows: Rows, by: str) -> int:
    """failed → failed, and no longer open; ``by``: the key of a user, or empty."""
    open_ones = rows.filter(acknowledged=None)
    return moving.update(
        open_ones, states.ACKNOWLEDGE, acknowledged=Moment(), acknowledged_by_id=by
    )


# --- one run --------------------------------------------------------------------------


def reclaim(rows: Rows, row: Row) -> int:
    """queued → running, attempt + 1, by the ``call()`` that sent ``row`` back; due or not."""
    changes = {**CLAIMED, "unique_key": row.unique_key}
    return moving.update(rows.filter(attempt=row.attempt), states.CLAIM, **changes)


def fail(rows: Rows, row: Row, error: dict[str, Any]) -> int:
    """running → failed, guarded by the attempt; ``error`` joins the row's ``errors``."""
    moved = _settle(
        rows,
        row,
        states.FAIL,
        errors=history.joined(row.errors, error),
        error_type=error["type"][:255],
        ended=Moment(),
    )
    if moved:
        batched.ended(rows.db, [row.batch_id], failed=True)
    return moved


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
    changes = {"ended": Moment(), **why}
    its_own = wiping.unmarked(_its_own(rows, row), states.CANCEL)
    moved, found = moving.update_marked(its_own, states.CANCEL, arrows.NEEDED, changes)
    if moved:
        emit.many(states.CANCEL, rows, [row.pk])
    else:
        moved, found = wiping.obey(rows, row, states.CANCEL, changes)
    if moved:
        batched.ended(rows.db, [row.batch_id])
    if found is not None:
        breaking.follow(its_own, found)
    return moved


def note(connection: Any, rows: Rows, row: Row, changes: dict[str, Any]) -> int:
    """Write what a run tells of itself, by ``connection``; guarded as its settling is."""
    mine = moving.guarded(rows.filter(pk=row.pk, attempt=row.attempt), states.FINISH)
    return compiled.Update(connection, mine, changes).statement().count(connection, {})


def is_free_to(rows: Rows, row: Row) -> bool:
    """Return whether a run still has its row, and nobody but this transaction has locked it."""
    mine = moving.guarded(rows.filter(pk=row.pk, attempt=row.attempt), states.FINISH)
    return bool(mine.select_for_update(skip_locked=True).values_list("pk", flat=True))


def release(rows: Rows, lease: float = 0.0) -> int:
    """
    queued but reserved by a worker → queued, due now or after ``lease`` seconds.

    Who is due at no time has been held back since, and is not woken by who had it before.
    """
    return moving.update(rows.filter(due__isnull=False), states.RELEASE, due=Moment(lease))


# --- how ------------------------------------------------------------------------------


def _cancel(rows: Rows, **changes: Any) -> int:
    """Cancel rows, and those that are after them."""
    ended = {"due": None, "held_by": timing.in_its_line(), "ended": Moment(), **changes}
    marks = {**arrows.NEEDED, **members.BATCH, **wiping.MARKED}
    return moving.move_marked(rows, states.CANCEL, marks, _follow, **ended)


def _follow(rows: Rows, found: marked.Found) -> None:
    """Look after those that are after rows which were cancelled, their batches, and marks."""
    batched.ended(rows.db, found.of("batch"))
    if found.of("needed") != frozenset():
        breaking.follow(rows, found)
    wiping.follow(rows, found)


def _reopen(rows: Rows, found: marked.Found) -> None:
    """Have rows that were queued again wait for what they are after, and their batches run."""
    if found.of("batch") != frozenset():
        members.reopen(rows, found.of("batch"))
    if found.of("after") != frozenset():
        breaking.renew(rows, found)


def _settle(rows: Rows, row: Row, arrow: states.Arrow, **changes: Any) -> int:
    its_own = wiping.unmarked(_its_own(rows, row), arrow)
    moved = moving.update(its_own, arrow, **changes)
    if moved:
        emit.many(arrow, rows, [row.pk])
        return moved
    return wiping.obey(rows, row, arrow, changes)[0]


def _its_own(rows: Rows, row: Row) -> Rows:
    return rows.filter(pk=row.pk, attempt=row.attempt)
