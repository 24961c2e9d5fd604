"""
queued → running of one row: the claim of a worker, which also gets to know the row.

On PostgreSQL one statement claims the row and reads its object, once it is known
of which model the objects of a task are.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from django.db import Error, connections, models
from django.db.models import F, QuerySet
from django.db.models.expressions import RawSQL
from django.db.models.functions import Cast
from django.db.models.lookups import In

from boogie.apps.tasks.db import commits, compiled, features, outages, sql
from boogie.apps.tasks.db.lending import bodies
from boogie.apps.tasks.protocols import Row

from . import holding, moving, states, timing
from .claimed import claimed, known

Rows = QuerySet[Any]
R = TypeVar("R", bound=models.Model)
#: What others may change of a row that runs: who asks for it reads it then.
CHANGING = ("wipe", "is_after")
#: The name of a task and its aliases; none: rows of functions, which have no object.
Names = Sequence[str]

#: Primary keys that PostgreSQL reads from our text as Django does.
KEYS = (
    models.AutoField,
    models.BigAutoField,
    models.SmallAutoField,
    models.IntegerField,
    models.BigIntegerField,
    models.UUIDField,
)


@dataclass(frozen=True)
class Kind:
    """Objects that can be read along with the claim: of one model, in the rows' database."""

    content_type_id: int
    model: type[models.Model]


def kind_of(row: Row, model: type[models.Model] | None) -> Kind | None:
    """
    Return the kind of the object of ``row``, which is of ``model``.

    ``None`` if it has to be read by itself.
    """
    using = row._state.db
    if row.object_db != using or not features.reads_along(connections[using]):
        return None
    if model is None or type(model._meta.pk) not in KEYS:
        return None
    if not compiled.is_plain(model._base_manager):
        return None
    return Kind(row.content_type_id, model)


# --- the row --------------------------------------------------------------------------


def claim_row(
    everything: QuerySet[R],
    key: Any,
    names: Names,
    *,
    worker: str,
    pid: int,
    is_limited: bool = False,
) -> R | None:
    """
    Claim the row with the primary key ``key`` and return it; ``None`` if it did not move.

    Only a row of the task that has ``names``: a message may come with another's id. Without names
    none that is under limits, unless ``is_limited``: they have been seen to. One statement where
    the database returns what it updated, else two.
    """
    using = everything.db
    returns = features.returns_from_update(connections[using])
    build = partial(_compile_claim, everything, len(names), is_limited, returns)
    claim, reader = compiled.cached(using, ("claim", len(names), is_limited), build)
    values = _values(everything, key, names, worker, pid)
    take = partial(claim.one, connections[using], values, reader)
    read = partial(_claim_and_read, using, claim, values, reader)
    row: R | None = outages.unlocked(using, take) if returns else read()
    if row is not None:
        vars(row).update(known(worker, pid))
    return row


def _claim_and_read(
    using: str, claim: compiled.Statement, values: dict[str, Any], reader: compiled.Reader
) -> Any:
    """
    Claim a row in one statement and read it in another: what was claimed, or nothing.

    Between the two this process may have been frozen, and the row rescued and claimed
    again, by another process or by another thread of this one. Or its task is held by now.
    """
    with bodies.together(using):
        connection = connections[using]
        if not outages.unlocked(using, partial(claim.count, connection, values)):
            return None
        return reader.statement.one(connection, values, reader)


def _named(rows: QuerySet[R], names: Sequence[Any], is_limited: bool = False) -> QuerySet[R]:
    if not names:
        of_functions = rows.filter(backend__gt="")
        return of_functions if is_limited else of_functions.filter(limits__isnull=True)
    return rows.filter(In(sql.Unindexed(F("name")), names))


def _values(everything: Rows, key: Any, names: Names, worker: str, pid: int) -> dict[str, Any]:
    found = {"id": moving.prepared(everything, "id", key), "worker": worker, "pid": pid}
    found.update(zip(_places("name", len(names)), names, strict=True))
    found.update(zip(_places("hold", len(names)), map(holding.of_task, names), strict=True))
    return found


def _places(what: str, count: int) -> list[str]:
    """Return what the slots are called of a task's name and its aliases, or of holds of these."""
    return [f"{what} {number}" for number in range(count)]


def _compile_claim(
    everything: Rows, count: int, is_limited: bool, returns: bool, connection: Any
) -> tuple[compiled.Statement, compiled.Reader]:
    """Return the claim, and what reads the row: from what it returns, or by itself."""
    claim = _claim(everything, count, connection, is_limited)
    rows = _to_read(everything, count)
    if not returns:
        reader = compiled.Reader(connection, _claimed_just_now(rows, connection))
        return claim.statement(), reader
    reader = compiled.Reader(connection, rows)
    return claim.statement(reader), reader


def _claimed_just_now(rows: Rows, connection: Any) -> Rows:
    slot = partial(compiled.slot, rows.model)
    ours: dict[str, Any] = {name: slot(name) for name in ("id", "worker", "pid")}
    if features.remembers(connection):
        ours["attempt"] = sql.Recalled()
    return rows.filter(status=states.CLAIM.target, **ours)


def _to_read(everything: Rows, count: int) -> Rows:
    """Return the query for what is not known of a row that was claimed, and may be asked for."""
    of_functions_alone = ("claims",) if count else ()
    return everything.defer(*known("", 0), *of_functions_alone, *CHANGING)


def _claim(
    everything: Rows, count: int, connection: Any, is_limited: bool = False
) -> compiled.Update:
    slot = partial(compiled.slot, everything.model)
    name: Any = everything.model._meta.get_field("name")
    slots = [compiled.Slot(place, name) for place in _places("name", count)]
    named = _named(everything, slots, is_limited)
    holds = [compiled.Slot(place, holding.key_field()) for place in _places("hold", count)]
    free = holding.free(named, holds)
    mine = moving.guarded(timing.ripe(free).filter(pk=slot("id")), states.CLAIM)
    changes = claimed(slot("worker"), slot("pid"), keeps_all=not count)
    return compiled.Update(connection, mine, {"status": states.CLAIM.target, **changes})


# --- the row and its object -----------------------------------------------------------


def claim_with_object(
    everything: QuerySet[R], key: Any, names: Names, kind: Kind, *, worker: str, pid: int
) -> tuple[R, Callable[[], models.Model] | None] | None:
    """
    Claim a row and read its object, in one statement of PostgreSQL.

    What makes the object is returned in its place: that runs code of the project, which may raise.

    ``None`` if the row did not move, or if somebody else moved it at the same time:
    it is to be claimed by :func:`claim_row` then, and its object read afterwards. The
    object is ``None`` if it is gone, or of another kind.
    """
    connection = connections[everything.db]
    build = partial(_compile_joined, everything, kind, len(names))
    place = ("claim", kind, len(names))
    statement, rows, objects = compiled.cached(everything.db, place, build)
    try:
        found = statement.all(connection, _values(everything, key, names, worker, pid))
    except Error as error:
        if outages.is_outage(error) or commits.in_transaction(connection):
            raise
        # The object cannot be read along: a column is gone, or its key is from before the model
        # was changed. Read by itself, it fails the row, not its claim.
        return None
    if not found:
        return None
    size = len(rows.names)
    row, values = rows.instance(found[0][:size]), found[0][size:]
    vars(row).update(known(worker, pid))
    is_there = values[objects.names.index(kind.model._meta.pk.attname)] is not None
    return row, partial(objects.instance, values) if is_there else None


def _compile_joined(
    everything: Rows, kind: Kind, count: int, connection: Any
) -> tuple[compiled.Statement, compiled.Reader, compiled.Reader]:
    """
    Add the object to the claim.

    What is read is as old as the beginning of the statement, but PostgreSQL waits for
    others who change the row, and then goes on with what they have left. They may
    have changed the object, too: that the row is still the same version is asked for.
    """
    update = _claim(everything, count, connection)
    rows = compiled.Reader(connection, _to_read(everything, count))
    objects = compiled.Reader(connection, _object(everything, kind))
    table = connection.ops.quote_name(everything.model._meta.db_table)
    source = compiled.Part(
        f" FROM {table} boogie_before"
        f" LEFT JOIN LATERAL ({objects.statement.text}) boogie_object ON TRUE",
        objects.statement.params,
    )
    same = compiled.Part(
        f" WHERE boogie_before.id = %s AND boogie_before.ctid = {table}.ctid AND ",
        [compiled.slot(everything.model, "id")],
    )
    both = compiled.Part(f" RETURNING {rows.columns(f'{table}.')}, boogie_object.*")
    statement = compiled.joined(update.changes, source, same, update.condition, both)
    return statement, rows, objects


def _object(everything: Rows, kind: Kind) -> Any:
    """Return the query for the object of the row ``boogie_before``, if it is of this kind."""
    text = RawSQL(
        "CASE WHEN boogie_before.content_type_id = %s AND boogie_before.object_db = %s"
        " THEN boogie_before.object_id END",
        (kind.content_type_id, everything.db),
        models.CharField(),
    )
    key: Any = kind.model._meta.pk
    return kind.model._base_manager.using(everything.db).filter(pk=Cast(text, key))
