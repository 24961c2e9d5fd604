"""
queued → queued: a row goes on whose needs have all finished.
"""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from django.db.models import Case, F, OuterRef, Q, Subquery, When

from boogie.apps.tasks.db import outages
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.lifecycle import parking, states, timing

from . import arrows

#: Arrows of one step: all its statements are bounded by that.
CHUNK = 500


def meet(using: str, key: Any) -> None:
    """Note of the arrows to the row ``key`` that it has finished."""
    unmet = arrows.all_in(using).filter(arrows.UNMET, needs_id=key)
    outages.unlocked(using, partial(unmet.update, state=arrows.MET))


def to_tell(using: str, key: Any) -> list[tuple[Any, Any]]:
    """Return a chunk of arrows to a row that has finished, each with the row that it is of."""
    mine = arrows.all_in(using).filter(needs_id=key, state=arrows.MET)
    return list(mine.order_by("pk").values_list("pk", "row_id")[:CHUNK])


def tell(using: str, chunk: Sequence[tuple[Any, Any]], after: float) -> list[Any]:
    """
    Have the rows of some arrows go on that wait for nothing more; return those that may start.

    They are due in ``after`` seconds, or when their time comes.
    """
    woken = wake(using, {row for _, row in chunk}, after)
    # Behind the waking: if this process dies in between, another does it again.
    told = arrows.all_in(using).filter(pk__in=[pk for pk, _ in chunk], state=arrows.MET)
    outages.unlocked(using, partial(told.update, state=arrows.DONE))
    return woken


def wake(using: str, ids: Iterable[Any], after: float) -> list[Any]:
    """Have those of the rows ``ids`` that wait for nothing more go on; return which started."""
    # With a LIMIT: each row is asked by itself, and no further than its first arrow.
    unmet = arrows.all_in(using).filter(arrows.UNMET, row_id=OuterRef("pk")).values("pk")[:1]
    waiting = arrows.rows_in(using).filter(pk__in=list(ids), is_after=True)
    ready = waiting.annotate(unmet=Subquery(unmet)).filter(unmet=None)
    found = list(ready.values_list("pk", "status", "name", "limits"))
    if not found:
        return []
    same = waiting.filter(pk__in=[pk for pk, *_ in found])
    line = parking.lines_of((pk, name, values) for pk, _, name, values in found)
    outages.unlocked(using, partial(same.update, **_awake(after, line)))
    return [pk for pk, status, *_ in found if status == states.QUEUED]


def _awake(after: float, line: Any) -> dict[str, Any]:
    """
    Return what changes in a row that waits for no other any more, whatever its status.

    ``line``: that of its limits, in which it stands from now on.
    """
    is_parked = Q(status=states.QUEUED, held_by=timing.AFTER)
    is_early = When(is_parked & Q(not_before__gt=Moment()), then=F("not_before"))
    return {
        "is_after": False,
        "due": Case(is_early, When(is_parked, then=Moment(after)), default=F("due")),
        # Behind the others: MySQL and MariaDB would ask for what is written.
        "held_by": timing.held_if(is_parked, line),
    }
