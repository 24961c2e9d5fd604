"""
running → finished: by a statement that tells of what comes of it, or also reads the row.
"""

from collections.abc import Iterable
from functools import partial
from typing import Any

from django.db import connections
from django.db.models import QuerySet

from boogie.apps.tasks.db import compiled, features, outages
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.db.updating import marked
from boogie.apps.tasks.protocols import Row

from . import emit, moving, states, wiping
from .batched import members
from .batched import telling as batched
from .needs import arrows, telling

Rows = QuerySet[Any]

#: What is told of a row that finishes, by names of marks, in their order.
TOLD_OF_OTHERS = tuple(arrows.NEEDED)
TOLD_OF_MEMBERS = (*arrows.NEEDED, *members.BATCH)


def finish(rows: Rows, row: Row, result: Any) -> int:
    """running → finished, guarded by the attempt. Zero: the run has lost its row."""
    values = finished(rows, row, result)
    if row.batch_id is None and not row.is_needed and _finish_plainly(rows, values):
        emit.many(states.FINISH, rows, [row.pk])
        return 1
    return _finish_and_tell(rows, row, values) or finish_marked(rows, row)


def _finish_plainly(rows: Rows, values: dict[str, Any]) -> int:
    """Finish a row that nobody is to be told of: a statement that reads nothing."""
    statement = compiled.cached(rows.db, "finish", partial(_compile_plain, rows))
    count = partial(statement.count, connections[rows.db], values)
    return int(outages.unlocked(rows.db, count))


def _finish_and_tell(rows: Rows, row: Row, values: dict[str, Any]) -> int:
    """Finish a row that others may wait for, by now or since before; tell them, and its batch."""
    connection, is_member = connections[rows.db], row.batch_id is not None
    build = partial(_compile_finish, rows, is_member)
    statement = compiled.cached(rows.db, ("finish", is_member), build)
    told = TOLD_OF_MEMBERS if is_member else TOLD_OF_OTHERS
    execute = partial(marked.execute, statement, connection, values, told)
    moved, found = outages.unlocked(rows.db, execute)
    if moved:
        emit.many(states.FINISH, rows, [row.pk])
        if found is not None and found.of("needed") != frozenset():
            telling.finished(rows.db, row.pk)
        if is_member:
            batched.ended(rows.db, _last(row, found, connection))
    return moved


def finish_marked(rows: Rows, row: Row) -> int:
    """running → finished, and blank, or gone: of a row whose mark kept it from :func:`finish`."""
    moved, found = wiping.obey(rows, row, states.FINISH, {"ended": Moment()})
    if found is not None and found.of("needed") != frozenset():
        telling.finished(rows.db, row.pk)
    if moved:
        batched.ended(rows.db, [row.batch_id])
    return moved


def _last(row: Row, found: marked.Found | None, connection: Any) -> Iterable[Any] | None:
    """Return the batch of a row that has finished, if it may have been among the last ones."""
    if not features.returns_from_update(connection):
        return [row.batch_id]
    return [] if found is None else found.of("batch")


def _marks(rows: Rows, is_member: bool) -> marked.Marks:
    """Return what a statement tells of a row that finishes, where it can: one of a batch, more."""
    if is_member and features.returns_from_update(connections[rows.db]):
        return {**arrows.NEEDED, **members.perhaps_last(rows)}
    return arrows.NEEDED


def _compile_plain(rows: Rows, connection: Any) -> compiled.Statement:
    changes = _changes(rows)
    return compiled.Update(connection, _its_own(rows).filter(is_needed=False), changes).statement()


def _compile_finish(rows: Rows, is_member: bool, connection: Any) -> compiled.Statement:
    end = marked.returning(rows, _marks(rows, is_member))
    return finish_update(rows, connection).statement(end)


def finished(rows: Rows, row: Row, result: Any) -> dict[str, Any]:
    """Return the values for the slots of :func:`finish_update`."""
    field = rows.model._meta.get_field("result")
    return {
        "id": moving.prepared(rows, "id", row.pk),
        "attempt": row.attempt,
        "result": field.get_db_prep_save(result, connections[rows.db]),
    }


def finish_update(rows: Rows, connection: Any) -> compiled.Update:
    """Return the UPDATE that :func:`finished` has the values of."""
    changes = marked.noting(rows, _changes(rows), arrows.NEEDED)
    return compiled.Update(connection, _its_own(rows), changes)


def _its_own(rows: Rows) -> Rows:
    """Return the row that a run has, and is to finish as it is."""
    slot = partial(compiled.slot, rows.model)
    everything = rows.model._base_manager.using(rows.db)
    mine = everything.filter(pk=slot("id"), attempt=slot("attempt"))
    return moving.guarded(wiping.unmarked(mine, states.FINISH), states.FINISH)


def _changes(rows: Rows) -> dict[str, Any]:
    result = compiled.slot(rows.model, "result")
    return {"status": states.FINISH.target, "result": result, "ended": Moment()}


#: What is read of a row that has finished.
READ = ("id", "args", "kwargs", "result", "ended", "is_needed")
#: What a run tells of itself meanwhile; it is read when somebody asks for it.
TOLD = ("progress", "progressed", "log")


def finish_and_read(rows: Rows, row: Row, result: Any) -> Any:
    """
    Do as :func:`finish`, and return the row; ``None``: the run has lost it.

    Where a database returns what it updated. Of the row no more is read than what the claim did not
    tell: what it was given is read anew, since a body may have changed it in its hands.
    """
    connection = connections[rows.db]
    build = partial(_build, rows)
    statement, reader = compiled.cached(rows.db, "finish and read", build)
    values = finished(rows, row, result)
    found = outages.unlocked(rows.db, partial(statement.one, connection, values, reader))
    if found is not None:
        own = {name: value for name, value in vars(row).items() if name not in TOLD}
        vars(found).update({**own, **vars(found), "status": states.FINISH.target})
        emit.many(states.FINISH, rows, [row.pk])
        if found.is_needed:
            telling.finished(rows.db, row.pk)
        batched.ended(rows.db, [row.batch_id])
    return found


def _build(rows: Rows, connection: Any) -> tuple[compiled.Statement, compiled.Reader]:
    everything = rows.model._base_manager.using(rows.db)
    reader = compiled.Reader(connection, everything.only(*READ))
    return finish_update(rows, connection).statement(reader), reader
