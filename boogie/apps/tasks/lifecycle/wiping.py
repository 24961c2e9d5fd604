"""
What is taken out of rows, or with them: for a request for erasure, or since their object is gone.

A row that runs is marked: what settles it obeys, in the statement that does so. What ends a marked
row otherwise, a cancel by hand, leaves it to the keepers, who look for marks on rows that have
ended.
"""

from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet, Value
from django.db.models.functions import Greatest

from boogie.apps.tasks.db import outages
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.db.updating.marked import Found
from boogie.apps.tasks.db.updating.noteless import Noteless
from boogie.apps.tasks.protocols import Row

from . import emit, moving, states
from .batched import members
from .needs import arrows, leaving

Rows = QuerySet[Any]

#: What a row is marked with: what becomes of it when it ends. The greater one prevails.
NOTHING, BLANK, DELETE = 0, 1, 2

#: What a row says no more: what it was given, what it came to, and what it told meanwhile.
BLANKED: dict[str, Any] = {
    "args": [],
    "kwargs": {},
    "context": {},
    "limits": None,
    "unique_key": "",
    "result": None,
    "errors": [],
    "log": [],
    "progress": Noteless("progress"),
    "wipe": NOTHING,
    "erased": Moment(),
}


def marked(rows: Rows) -> Rows:
    """Return those of ``rows`` that are marked, and do not run: what nobody else obeys."""
    over = Q(wipe=BLANK, status__in=states.ENDED) | Q(wipe=DELETE) & ~Q(status=states.RUNNING)
    return rows.filter(over, wipe__gt=NOTHING)


def mark(rows: Rows) -> int:
    """Have those of ``rows`` that have not ended blanked when they do."""
    return rows.exclude(status__in=states.ENDED).update(wipe=Greatest("wipe", Value(BLANK)))


def blank(rows: Rows) -> int:
    """Take out of those of ``rows`` that have ended what they carry yet; the rest stays."""
    carrying = rows.filter(status__in=states.ENDED, wipe__lt=DELETE, erased=None)
    return carrying.update(**BLANKED)


def runnable(rows: Rows) -> Rows:
    """Return those of ``rows`` that have what they are to run with: nothing was taken out."""
    return rows.filter(erased=None, wipe=NOTHING)


def delete(rows: Rows) -> int:
    """
    Delete ``rows``, and have those that run deleted when they end; return how many went at once.

    In a transaction: nobody moves a row between its mark and the commit.
    """
    waiting = rows.exclude(status=states.RUNNING)
    deleted = _remove(waiting.exclude(leaving.TOLD).order_by())
    # What others wait for, and what has ended, or was sent back, since then is marked as well.
    return deleted + _delete(waiting) if rows.update(wipe=DELETE) else deleted


def finish_deleting(rows: Rows) -> int:
    """Delete those of ``rows`` that are marked for it, and do not run; return how many."""
    return _delete(rows.filter(wipe=DELETE).exclude(status=states.RUNNING))


def unmarked(rows: Rows, arrow: states.Arrow) -> Rows:
    """Return those of ``rows`` that an arrow moves as it does: what goes back keeps its mark."""
    return rows.filter(wipe__lt=BLANK if arrow.target in states.ENDED else DELETE)


def obey(
    rows: Rows, row: Row, arrow: states.Arrow, changes: dict[str, Any]
) -> tuple[int, Found | None]:
    """
    Do what an arrow could not, which has not moved the running ``row``: settle it as it is marked.

    Return whether it was, zero if that is not why it did not move; and what is known of those who
    wait for it. No statement here reads first: the transaction around it may show the row as it
    was before.
    """
    its_own = rows.filter(pk=row.pk, attempt=row.attempt, status=states.RUNNING)
    if arrow.target in states.ENDED:
        marks, blanked = {**arrows.NEEDED, **members.BATCH}, {**changes, **BLANKED}
        moved, found = moving.update_marked(its_own.filter(wipe=BLANK), arrow, marks, blanked)
        if moved:
            emit.many(arrow, rows, [row.pk])
            return moved, found
    return _delete(its_own.filter(wipe=DELETE)), None


def leave(rows: Rows, row: Row) -> int:
    """running → gone, guarded by the attempt: its object is, and its task says so."""
    return _delete(rows.filter(pk=row.pk, attempt=row.attempt, status=states.RUNNING))


def _delete(rows: Rows) -> int:
    return outages.unlocked(rows.db, partial(_leave_and_delete, rows.order_by()))


def _leave_and_delete(rows: Any) -> int:
    with transaction.atomic(using=rows.db, savepoint=False):
        leaving.leave(rows)
        return _remove(rows)


def _remove(rows: Any) -> int:
    return rows._raw_delete(rows.db) or 0


def forget(rows: Rows) -> int:
    """Take out of ``rows`` who asked for them."""
    return rows.filter(requested_by_id__gt="").update(requested_by_id="", requested_by_name="")
