"""
queued → queued: rows that are held back, and rows that are so no more.

A row that is held back is *parked*: it is due at no time, so that nobody looks at it, and
``held_by`` names what it waits for. Whoever takes that away wakes it.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from functools import partial
from typing import Any

from django.db import connections
from django.db.models import Case, F, Value, When
from django.db.models.lookups import IsNull
from django.dispatch import Signal

from boogie.apps.tasks import limits, registry
from boogie.apps.tasks.db import compiled, features, sql
from boogie.apps.tasks.db.clock import Moment

from . import moving, states, timing
from .moving import Rows


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


def at_limits(rows: Rows) -> Rows:
    """Return those of ``rows`` that stand in the line of any limit."""
    queued = rows.filter(status=states.QUEUED)
    return queued.filter(held_by__gte=timing.LIMIT, held_by__lt=timing.BEHIND_LIMITS)


#: Sent with ``row`` when a verb has taken a row out of the line of a limit, or from its slot.
has_left = Signal()


def park(rows: Rows, key: str) -> int:
    """Hold queued rows back until those who know ``key`` wake them; return how many."""
    return moving.update(rows, states.PARK, due=None, held_by=key)


def begin(rows: Rows, key: Any, start: datetime) -> int:
    """Have the running one of ``rows`` with the primary key ``key`` begin at ``start``."""
    statement = compiled.cached(rows.db, "begin", partial(_compile_begin, rows))
    values = {
        name: moving.prepared(rows, name, value)
        for name, value in (("id", key), ("started", start))
    }
    return int(statement.count(connections[rows.db], values))


def _compile_begin(rows: Rows, connection: Any) -> compiled.Statement:
    slot = partial(compiled.slot, rows.model)
    everything = rows.model._base_manager.using(connection.alias)
    mine = moving.guarded(everything.filter(pk=slot("id")), states.FINISH)
    return compiled.Update(connection, mine, {"started": slot("started")}).statement()


def lines_of(found: Iterable[tuple[Any, str, Any]]) -> Any:
    """
    Return in which lines rows stand that are held by nothing else any more.

    ``found``: of each its key, the name of its task, and its limits. An expression, or ``""``.
    """
    by_line: dict[str, list[Any]] = defaultdict(list)
    for pk, name, values in found:
        task = registry.get(name)
        if line := limits.line_of(name if task is None else task.name, values):
            by_line[line].append(pk)
    places = [When(pk__in=keys, then=Value(line)) for line, keys in by_line.items()]
    return Case(*places, default=Value("")) if places else ""


def wake(rows: Rows, after: float = 0.0, place: Any = None) -> int:
    """
    Have those of ``rows`` that are held back looked at, now or after some seconds.

    They stay in the line in which they wait, or stand in that of ``place``, ``""`` for none.
    PostgreSQL tells the workers of ``boogie://``, since ``held_by`` is named in any case; elsewhere
    they need a doorbell.
    """
    held_by = F("held_by") if place is None else place
    return moving.update(parked(rows), states.WAKE, due=Moment(after), held_by=held_by)
