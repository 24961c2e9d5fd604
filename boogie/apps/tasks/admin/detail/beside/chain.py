"""
Rows that a row is after, and rows that are after it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from boogie.apps.tasks.lifecycle.needs import arrows
from boogie.apps.tasks.models import Dependency, Task, TaskQuerySet
from boogie.apps.tasks.monitoring import counting

from .relatives import UNSEEN

#: Rows that are listed of each, and those that are counted.
LISTED, CAP = 20, 1000


@dataclass(frozen=True)
class Chain:
    """What stands before a row and behind it; ``waiting`` is the query of the list behind it."""

    needs: Sequence[Task] = ()
    need_count: counting.Count | None = None
    needed_by: Sequence[Task] = ()
    needed_count: counting.Count | None = None
    waiting: str = ""


def of(row: Task, rows: TaskQuerySet) -> Chain:
    """Read those of ``rows`` that are before and behind ``row``; nothing if it is in no chain."""
    if row.is_after is None and not row.is_needed:
        return Chain()
    every = Dependency.objects.using(row._state.db)
    before, behind = every.filter(row_id=row.pk), every.filter(needs_id=row.pk)
    need_count, needed_count = counting.capped([before, behind], CAP)
    # Those that keep it waiting come first.
    first = before.order_by("state", "place").values_list("needs_id", flat=True)[:LISTED]
    last = behind.order_by("state", "pk").values_list("row_id", flat=True)[:LISTED]
    found = rows.defer(*UNSEEN).in_bulk([*(needs := list(first)), *(others := list(last))])
    return Chain(
        [found[key] for key in needs if key in found],
        need_count,
        [found[key] for key in others if key in found],
        needed_count,
        urlencode({"waits_for": row.pk}) if behind.filter(arrows.UNMET).exists() else "",
    )
