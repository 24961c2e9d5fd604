"""
Rows that nobody has started in time.
"""

import logging
from typing import Any

from boogie.apps.tasks.functions import telling
from boogie.apps.tasks.lifecycle import history, states, transitions
from boogie.apps.tasks.models import TaskQuerySet

logger = logging.getLogger(__name__)

#: Rows that are cancelled at one time.
BATCH = 1000


def expire(rows: TaskQuerySet) -> int:
    """Cancel a batch of those of ``rows`` that are late; return how many were found."""
    found = list(rows.late().values_list("pk", "backend")[:BATCH])
    if not found:
        return 0
    same = rows.model._base_manager.using(rows.db).filter(pk__in=[pk for pk, _backend in found])
    moved = transitions.expire(same)
    logger.info("%s row(s) were cancelled: %s", moved, history.EXPIRED)
    _tell(same, [pk for pk, backend in found if backend])
    return len(found)


def _tell(same: Any, functions: list[Any]) -> None:
    """Tell Django Tasks of functions that have ended."""
    for row in same.filter(pk__in=functions, status=states.CANCELLED) if functions else ():
        telling.ended(row, history.EXPIRED)
