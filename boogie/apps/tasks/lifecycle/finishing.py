"""
running → finished of a row that is told of as it is then: in one statement that also reads it.
"""

from functools import partial
from typing import Any

from django.db import connections

from boogie.apps.tasks.db import compiled, outages
from boogie.apps.tasks.protocols import Row

from . import emit, states, transitions
from .needs import telling
from .transitions import Rows

#: What is read of a row that has finished.
READ = ("id", "args", "kwargs", "result", "ended", "is_needed")
#: What a run tells of itself meanwhile; it is read when somebody asks for it.
TOLD = ("progress", "progressed", "log")


def finish_and_read(rows: Rows, row: Row, result: Any) -> Any:
    """
    Do as :func:`transitions.finish`, and return the row; ``None``: the run has lost it.

    Where a database returns what it updated. Of the row no more is read than what the claim did not
    tell: what it was given is read anew, since a body may have changed it in its hands.
    """
    connection = connections[rows.db]
    build = partial(_build, rows)
    statement, reader = compiled.cached(rows.db, "finish and read", build)
    values = transitions.finished(rows, row, result)
    found = outages.unlocked(rows.db, partial(statement.one, connection, values, reader))
    if found is not None:
        own = {name: value for name, value in vars(row).items() if name not in TOLD}
        vars(found).update({**own, **vars(found), "status": states.FINISH.target})
        emit.many(states.FINISH, rows, [row.pk])
        if found.is_needed:
            telling.finished(rows.db, row.pk)
    return found


def _build(rows: Rows, connection: Any) -> tuple[compiled.Statement, compiled.Reader]:
    everything = rows.model._base_manager.using(rows.db)
    reader = compiled.Reader(connection, everything.only(*READ))
    return transitions.finish_update(rows, connection).statement(reader), reader
