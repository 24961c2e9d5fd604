"""
What is taken out of rows, or with them: for a request for erasure, or since their object is gone.

A row that runs is marked: what settles it obeys, in the transaction that does so; a cancel by hand
does, too. Of each marked row there is a note in a small table: who is killed in between leaves it
to the keepers, who look there.
"""

from collections.abc import Iterable
from functools import partial
from typing import Any

from django.apps import apps
from django.db import transaction
from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, Value, When
from django.db.models.functions import Greatest

from boogie.apps.tasks.db import outages
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.db.updating.marked import Found, Marks
from boogie.apps.tasks.db.updating.noteless import Noteless
from boogie.apps.tasks.protocols import Row

from . import emit, moving, states
from .batched import members
from .needs import arrows, leaving

Rows = QuerySet[Any]

#: What a row is marked with: what becomes of it when it ends. The greater one prevails.
NOTHING, BLANK, DELETE = 0, 1, 2

#: Rows that are marked, by their keys.
MARKED: Marks = {"marked": Case(When(wipe__gt=NOTHING, then=F("pk")))}

#: Notes, or rows, of one statement.
CHUNK = 1000

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


def mark(rows: Rows) -> int:
    """Have those of ``rows`` that have not ended blanked when they do; in a transaction."""
    going_on = rows.exclude(status__in=states.ENDED)
    marked = going_on.update(wipe=Greatest("wipe", Value(BLANK)))
    if marked:
        _note(going_on)
    return marked


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
    if rows.update(wipe=DELETE):
        # What others wait for, and what has ended, or was sent back, since then is marked as well.
        deleted += _delete(waiting)
        _note(rows)
    return deleted


def unmarked(rows: Rows, arrow: states.Arrow) -> Rows:
    """Return those of ``rows`` that an arrow moves as it does: what goes back keeps its mark."""
    return rows.filter(wipe__lt=BLANK if arrow.target in states.ENDED else DELETE)


def obey(
    rows: Rows, row: Row, arrow: states.Arrow, changes: dict[str, Any]
) -> tuple[int, Found | None]:
    """
    Do what an arrow could not, which has not moved the running ``row``: settle it as it is marked.

    Return whether it was, zero if that is not why it did not move; and what is known of those who
    wait for it.
    """
    return outages.unlocked(rows.db, partial(_obey, rows, row, arrow, changes))


def _obey(
    rows: Rows, row: Row, arrow: states.Arrow, changes: dict[str, Any]
) -> tuple[int, Found | None]:
    its_own = rows.filter(pk=row.pk, attempt=row.attempt, status=states.RUNNING).order_by()
    with transaction.atomic(using=rows.db, savepoint=False):
        # With its lock: else the transaction around it may show the row as it was before.
        mark = next(iter(its_own.select_for_update().values_list("wipe", flat=True)), NOTHING)
        if mark == DELETE:
            return _delete(its_own), None
        if mark != BLANK or arrow.target not in states.ENDED:
            return 0, None
        marks = {**arrows.NEEDED, **members.BATCH}
        moved, found = moving.update_marked(its_own, arrow, marks, {**changes, **BLANKED})
        if moved:
            emit.many(arrow, rows, [row.pk])
        return moved, found


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


# --- marked rows that ended otherwise than by a run ---------------------------------------


def left(using: str) -> Rows:
    """Return the notes of rows that are still marked though nobody else obeys, or are not."""
    rows = arrows.rows_in(using).filter(pk=OuterRef("row_id"), wipe__gt=NOTHING)
    goes_on = Q(status=states.RUNNING) | Q(wipe=BLANK) & ~Q(status__in=states.ENDED)
    return _notes_in(using).filter(~Exists(rows.filter(goes_on)))


def finish_left(using: str) -> tuple[int, int]:
    """Blank or delete the rows of these notes; return how many of each. Any number may do so."""
    blanked = deleted = 0
    while keys := list(left(using).values_list("row_id", flat=True)[:CHUNK]):
        some = _finish(using, keys)
        blanked, deleted = blanked + some[0], deleted + some[1]
    return blanked, deleted


def follow(rows: Rows, found: Found) -> None:
    """Blank or delete marked rows that were cancelled."""
    ids = found.of("marked")
    if ids is None:
        finish_left(rows.db)
    elif ids:
        key: Any = rows.model._meta.pk
        _finish(rows.db, list(map(key.to_python, ids)))


def _finish(using: str, keys: list[Any]) -> tuple[int, int]:
    rows = arrows.rows_in(using).filter(pk__in=keys, wipe__gt=NOTHING)
    blanked = outages.unlocked(using, partial(blank, rows))
    deleted = _delete(rows.filter(wipe=DELETE).exclude(status=states.RUNNING))
    # Behind the others: if this process dies in between, another does it again.
    notes: Any = left(using).filter(row_id__in=keys)
    outages.unlocked(using, partial(notes._raw_delete, using))
    return blanked, deleted


def _note(rows: Rows) -> None:
    """Note those of ``rows`` that are marked, in the transaction that has done so."""
    notes = _notes_in(rows.db)
    keys: Iterable[Any] = rows.filter(wipe__gt=NOTHING).order_by("pk").values_list("pk", flat=True)
    notes.bulk_create((notes.model(row_id=key) for key in keys), CHUNK, ignore_conflicts=True)


def _notes_in(using: str) -> Rows:
    found: Rows = apps.get_model("boogie_tasks", "Wipe")._base_manager.using(using)
    return found
