"""
queued → queued: a row goes on whose needs have all finished.
"""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from django.db import connections
from django.db.models import Case, F, OuterRef, Q, QuerySet, Subquery, When

from boogie.apps.tasks.db import compiled, features, outages
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.lifecycle import moving, parking, states, timing

from . import arrows

Rows = QuerySet[Any]
#: The key of an arrow, and that of the row which is after another.
Arrow = tuple[Any, Any]

#: Arrows of one step: all its statements are bounded by that.
CHUNK = 500


def meet_all(using: str, key: Any) -> None:
    """Note of all arrows to the row ``key`` that it has finished: it is about to go."""
    unmet = arrows.all_in(using).filter(arrows.UNMET, needs_id=key)
    outages.unlocked(using, partial(unmet.update, state=arrows.MET))


def meet(using: str, key: Any) -> list[Arrow]:
    """
    Note of a chunk of the arrows to the row ``key`` that it has finished; return these.

    Also of those of which that is noted, and nobody is told yet.
    """
    connection = connections[using]
    if not features.returns_from_update(connection):
        meet_all(using, key)
        mine = arrows.all_in(using).filter(needs_id=key, state=arrows.MET)
        return list(mine.order_by("pk").values_list("pk", "row_id")[:CHUNK])
    statement, reader = compiled.cached(using, "meet", partial(_compile_meet, using))
    values = {"needs_id": moving.prepared(arrows.rows_in(using), "id", key)}
    found = outages.unlocked(using, partial(statement.all, connection, values))
    return [(one.pk, one.row_id) for one in map(reader.instance, found)]


def _compile_meet(using: str, connection: Any) -> tuple[compiled.Statement, compiled.Reader]:
    everything = arrows.all_in(using)
    needs = compiled.slot(everything.model, "needs_id")
    left = everything.filter(needs_id=needs, state__lt=arrows.DONE).order_by("pk")
    some = everything.filter(pk__in=left.values("pk")[:CHUNK])
    reader = compiled.Reader(connection, everything.only("pk", "row_id"))
    return compiled.Update(connection, some, {"state": arrows.MET}).statement(reader), reader


def tell(using: str, chunk: Sequence[Arrow], after: float) -> list[Any]:
    """
    Have the rows of some arrows go on that wait for nothing more; return those that may start.

    They are due in ``after`` seconds, or when their time comes.
    """
    woken = wake(using, {row for _, row in chunk}, after)
    # Behind the waking: if this process dies in between, another does it again.
    told = arrows.all_in(using).filter(pk__in=[pk for pk, _ in chunk], state=arrows.MET)
    if len(chunk) > 1:
        outages.unlocked(using, partial(told.update, state=arrows.DONE))
    else:
        statement = compiled.cached(using, "told", partial(_compile_told, using))
        count = partial(statement.count, connections[using], {"id": chunk[0][0]})
        outages.unlocked(using, count)
    return woken


def _compile_told(using: str, connection: Any) -> compiled.Statement:
    everything = arrows.all_in(using)
    mine = everything.filter(pk=compiled.slot(everything.model, "id"), state=arrows.MET)
    return compiled.Update(connection, mine, {"state": arrows.DONE}).statement()


def wake(using: str, ids: Iterable[Any], after: float) -> list[Any]:
    """Have those of the rows ``ids`` that wait for nothing more go on; return which started."""
    ids = list(ids)
    if len(ids) != 1 or not features.returns_from_update(connections[using]):
        return _wake_some(using, ids, after)
    return _wake_one(using, ids[0], after) or _wake_some(using, ids, after)


def _wake_one(using: str, key: Any, after: float) -> list[Any]:
    """Do so with the only row of a chunk, as chains have it, if it stands in no other line."""
    connection = connections[using]
    build = partial(_compile_wake, using, after)
    statement, reader = compiled.cached(using, ("wake", after), build)
    values = {"id": moving.prepared(arrows.rows_in(using), "id", key)}
    one = partial(statement.one, connection, values, reader)
    row = outages.unlocked(using, one)
    return [row.pk] if row is not None and row.status == states.QUEUED else []


def _compile_wake(
    using: str, after: float, connection: Any
) -> tuple[compiled.Statement, compiled.Reader]:
    everything = arrows.rows_in(using)
    mine = _ready(everything.filter(pk=compiled.slot(everything.model, "id"), limits__isnull=True))
    reader = compiled.Reader(connection, everything.only("pk", "status"))
    return compiled.Update(connection, mine, _awake(after, "")).statement(reader), reader


def _wake_some(using: str, ids: list[Any], after: float) -> list[Any]:
    some = arrows.rows_in(using).filter(pk__in=ids)
    found = list(_ready(some).values_list("pk", "status", "name", "limits"))
    if not found:
        return []
    same = some.filter(pk__in=[pk for pk, *_ in found], is_after=True)
    line = parking.lines_of((pk, name, values) for pk, _, name, values in found)
    outages.unlocked(using, partial(same.update, **_awake(after, line)))
    return [pk for pk, status, *_ in found if status == states.QUEUED]


def _ready(rows: Rows) -> Rows:
    """Return those of ``rows`` that are after others, all of which have finished."""
    # With a LIMIT: each row is asked by itself, and no further than its first arrow.
    unmet = arrows.all_in(rows.db).filter(arrows.UNMET, row_id=OuterRef("pk")).values("pk")[:1]
    ready: Rows = rows.filter(is_after=True).annotate(unmet=Subquery(unmet)).filter(unmet=None)
    return ready


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
