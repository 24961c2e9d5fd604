"""
queued → queued: rows that are held back, and rows that are so no more.

A row that is held back is *parked*: it is due at no time, so that nobody looks at it, and
``held_by`` names what it waits for. Whoever takes that away wakes it.
"""

from datetime import datetime
from typing import Any

from django.db import connections
from django.db.models import F
from django.db.models.lookups import IsNull
from django.dispatch import Signal

from boogie.apps.tasks.db import features, sql
from boogie.apps.tasks.db.clock import Moment

from . import moving, states
from .transitions import Rows


def parked(rows: Rows, key: str = "") -> Rows:
    """Return those of ``rows`` that are held back; the oldest first if ``key`` says by what."""
    held = rows.filter(IsNull(sql.UnindexedTime(F("due")), True), status=states.QUEUED)
    return in_line(held, key) if key else held.filter(held_by__gt="")


def in_line(rows: Rows, key: str) -> Rows:
    """Return those of ``rows`` that wait in the line of ``key``, the oldest first."""
    # That a key is above "" is said: no planner concludes it from a parameter.
    held = rows.filter(status=states.QUEUED, held_by__gt="")
    if features.forgets_what_is_fixed(connections[rows.db]):
        return held.filter(held_by__gte=key, held_by__lte=key).order_by("held_by", "pk")
    return held.filter(held_by=key).order_by("held_by", "pk")


#: Sent with ``row`` when a verb has taken a row out of the line of a limit, or from its slot.
has_left = Signal()


def park(rows: Rows, key: str) -> int:
    """Hold queued rows back until those who know ``key`` wake them; return how many."""
    return moving.update(rows, states.PARK, due=None, held_by=key)


def begin(rows: Rows, start: datetime | None = None) -> int:
    """Have running rows stand in no line any more, and begin at ``start`` if that is later."""
    changes: dict[str, Any] = {} if start is None else {"started": start}
    return rows.filter(status=states.RUNNING).update(held_by="", **changes)


def wake(rows: Rows, after: float = 0.0, keeps_place: bool = False) -> int:
    """
    Have those of ``rows`` that are held back looked at, now or after some seconds.

    ``keeps_place``: they stay in the line in which they wait. PostgreSQL tells the workers of
    ``boogie://``, since ``held_by`` is named in any case; elsewhere they need a doorbell.
    """
    place = F("held_by") if keeps_place else ""
    return moving.update(parked(rows), states.WAKE, due=Moment(after), held_by=place)
