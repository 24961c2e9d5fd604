"""
queued → queued: a new row waits until what it is after has finished.
"""

from collections.abc import Sequence
from typing import Any

from django.db.models import Case, F, Q, QuerySet, Value, When

from boogie.apps.tasks.lifecycle import states, timing

#: Rows of one statement.
CHUNK = 500


def put_behind(rows: QuerySet[Any], ids: Sequence[Any], waits: bool) -> None:
    """Note of new rows that they are after others; hold them back if they have to wait."""
    changes: dict[str, Any] = {"is_after": waits}
    if waits:
        is_queued = Q(status=states.QUEUED)
        changes["due"] = Case(When(is_queued, then=Value(None)), default=F("due"))
        changes["held_by"] = timing.held_if(is_queued, timing.AFTER)
    for start in range(0, len(ids), CHUNK):
        rows.filter(pk__in=ids[start : start + CHUNK]).update(**changes)


def show(row: Any, waits: bool) -> None:
    """Have a new row in hand show the same."""
    row.is_after = waits
    if waits and row.status == states.QUEUED:
        row.due, row.held_by = None, timing.AFTER
