"""
The statements of the row of a limit, compiled once: all who claim a key wait for these.
"""

from datetime import datetime
from typing import Any, NamedTuple

from django.db import connections

from boogie.apps.tasks.db import clock, compiled
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.models import Limit


class Read(NamedTuple):
    """What is stored of a limit, and what time it was when it was asked for."""

    next_start: datetime | None
    used: datetime
    now: datetime


def lock(using: str, key: str) -> Read | None:
    """Lock the row of a limit until the transaction ends, and read it; ``None``: there is none."""
    connection = connections[using]
    statement = compiled.cached(using, "limit lock", _compile_lock)
    found = statement.all(connection, {"key": key})
    if not found:
        return None
    next_start, used, now = found[0]
    return Read(
        None if next_start is None else clock.told(connection, next_start),
        clock.told(connection, used),
        clock.told(connection, now),
    )


def put_off(using: str, key: str, next_start: datetime) -> None:
    """Store when the next row of a rate may start."""
    connection = connections[using]
    statement = compiled.cached(using, "limit turn", _compile_turn)
    field: Any = Limit._meta.get_field("next_start")
    value = field.get_db_prep_save(next_start, connection)
    statement.count(connection, {"key": key, "next_start": value})


def _one(connection: Any) -> Any:
    return Limit.objects.using(connection.alias).filter(pk=compiled.slot(Limit, "key"))


def _compile_lock(connection: Any) -> compiled.Statement:
    rows = _one(connection).select_for_update().values_list("next_start", "used", Moment())
    text, params = rows.query.get_compiler(connection=connection).as_sql()
    return compiled.Statement(text, params, one_plan=True)


def _compile_turn(connection: Any) -> compiled.Statement:
    changes = {"next_start": compiled.slot(Limit, "next_start"), "used": Moment()}
    return compiled.Update(connection, _one(connection), changes).statement()
