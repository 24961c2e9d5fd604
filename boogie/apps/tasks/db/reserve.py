"""
Taking rows out of a queue: the first so many are updated, and returned.
"""

from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

from django.db import connections, transaction
from django.db.models import sql

from . import compiled
from .features import returns_from_update
from .sql import Rows


def take(
    using: str,
    ready: Callable[[], Rows],
    limit: int,
    fields: tuple[str, ...],
    key: Any = None,
    may_be_lost: bool = False,
    **changes: Any,
) -> list[Any]:
    """
    Update the first ``limit`` rows of ``ready()``; return objects with their ``pk`` and ``fields``.

    ``fields`` has ``priority``: those with the highest come first. A ``key`` tells
    this statement from others; with it the statement is compiled once, and
    ``ready`` is called no more.

    Rows that another transaction is taking are passed over where the database
    can do that. One statement where it can return what it updated.

    ``may_be_lost``: PostgreSQL need not wait for its disk. If the server crashes in
    the next half second, the rows may be as they were before.
    """
    connection = connections[using]
    if returns_from_update(connection):
        relaxed = may_be_lost and connection.vendor == "postgresql"
        if connection.in_atomic_block:  # there others' statements would be committed so, too
            relaxed = False
        build = partial(
            _build_take, ready=ready, limit=limit, fields=fields, changes=changes, relaxed=relaxed
        )
        place = (key, relaxed)
        statement, pk = build(connection) if key is None else compiled.cached(using, place, build)
        taken = [_named(values, fields, pk) for values in statement.all(connection, {})]
        # An UPDATE returns its rows in no order.
        taken.sort(key=lambda row: (-row.priority, row.pk))
        return taken
    skip = connection.features.has_select_for_update_skip_locked
    rows = ready()
    with transaction.atomic(using=using):
        locked = rows.select_for_update(skip_locked=skip).values_list("pk", *fields)[:limit]
        taken = [_named(values, fields) for values in locked]
        everything = rows.model._base_manager.using(using)
        everything.filter(pk__in=[row.pk for row in taken]).update(**changes)
    return taken


def _build_take(
    connection: Any,
    ready: Callable[[], Rows],
    limit: int,
    fields: tuple[str, ...],
    changes: dict[str, Any],
    relaxed: bool,
) -> tuple[compiled.Statement, Any]:
    """Return the statement, and the field of the primary key that it returns first."""
    rows = ready()
    inner = rows.values("pk")[:limit].query.get_compiler(connection=connection)
    inner_sql, inner_params = inner.as_sql()
    if connection.features.has_select_for_update_skip_locked:
        # Not IN: the planner may run a subquery with a limit more than once.
        which = f"= ANY(ARRAY({inner_sql} FOR UPDATE SKIP LOCKED))"
    else:
        which = f"IN ({inner_sql})"
    update: Any = rows.model._base_manager.using(rows.db).all().query.chain(sql.UpdateQuery)
    update.add_update_values(changes)
    update_sql, update_params = update.get_compiler(connection=connection).as_sql()
    quote = connection.ops.quote_name
    meta: Any = rows.model._meta
    columns = [quote(meta.pk.column), *(quote(meta.get_field(name).column) for name in fields)]
    text = f"{update_sql} WHERE {columns[0]} {which} RETURNING {', '.join(columns)}"
    if relaxed:
        text += ", set_config('synchronous_commit', 'off', true)"  # for this transaction
    return compiled.Statement(text, (*update_params, *inner_params)), meta.pk


def _named(values: Any, fields: tuple[str, ...], pk: Any = None) -> Any:
    key = values[0] if pk is None else pk.to_python(values[0])
    return SimpleNamespace(pk=key, **dict(zip(fields, values[1 : len(fields) + 1], strict=True)))
