"""
How rows are moved: the one guarded UPDATE of an arrow, and who learns of it.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.db import connections, transaction
from django.db.models import F, QuerySet
from django.db.models.lookups import In

from boogie.apps.tasks.db import outages, sql
from boogie.apps.tasks.db.updating import marked
from boogie.apps.tasks.db.updating.marked import Found, Marks

from . import emit, states

Rows = QuerySet[Any]

#: What is done about rows that have moved, and had marks.
Follow = Callable[[Rows, Found], None]


def update(rows: Rows, arrow: states.Arrow, **changes: Any) -> int:
    """Do the one UPDATE of an arrow; return how many rows moved."""
    movable = guarded(rows, arrow)
    return outages.unlocked(rows.db, partial(movable.update, status=arrow.target, **changes))


def update_marked(
    rows: Rows, arrow: states.Arrow, marks: Marks, changes: dict[str, Any]
) -> tuple[int, Found | None]:
    """Do the same, and return also which of the rows that moved are marked, if any is."""
    movable = guarded(rows, arrow)
    changes = {"status": arrow.target, **changes}
    return outages.unlocked(rows.db, partial(marked.update, movable, changes, marks))


def guarded(rows: Rows, arrow: states.Arrow) -> Rows:
    """Return those of ``rows`` that an arrow may move."""
    status = F("status")
    return rows.filter(In(sql.Unindexed(status) if sql.names_keys(rows) else status, arrow.sources))


def prepared(rows: Rows, name: str, value: Any) -> Any:
    """Return ``value`` of a field as the database takes it."""
    field: Any = rows.model._meta.get_field(name)
    return field.get_db_prep_save(field.to_python(value), connections[rows.db])


def move(rows: Rows, arrow: states.Arrow, **changes: Any) -> int:
    """Update any number of rows, then announce each if anybody listens."""
    return _moved(rows, arrow, lambda these: update(these, arrow, **changes))


def move_marked(
    rows: Rows, arrow: states.Arrow, marks: Marks, follow: Follow, **changes: Any
) -> int:
    """Do the same; ``follow`` is told of those that are marked."""

    def some(these: Rows) -> int:
        moved, found = update_marked(these, arrow, marks, changes)
        if found is not None:
            follow(these, found)
        return moved

    return _moved(rows, arrow, some)


def _moved(rows: Rows, arrow: states.Arrow, some: Callable[[Rows], int]) -> int:
    if not emit.is_heard(arrow):
        return some(rows)
    return outages.unlocked(rows.db, partial(_move_and_tell, rows, arrow, some))


def _move_and_tell(rows: Rows, arrow: states.Arrow, some: Callable[[Rows], int]) -> int:
    with transaction.atomic(using=rows.db):
        ids = list(guarded(rows, arrow).select_for_update().values_list("pk", flat=True))
        everything = rows.model._base_manager.using(rows.db)
        moved = 0
        for start in range(0, len(ids), emit.CHUNK):
            moved += some(everything.filter(pk__in=ids[start : start + emit.CHUNK]))
        emit.many(arrow, rows, ids)
    return moved
