"""
Statements that Django's ORM cannot say: ``UPDATE … RETURNING``, and questions to several tables.

Built from querysets, so that names, quoting and filters stay the ORM's.
"""

from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

from django.db import connections, models, transaction
from django.db.models import sql

from . import compiled as prebuilt

Rows = models.QuerySet[Any]


def returns_from_update(connection: Any) -> bool:
    """Return whether this database has ``UPDATE … RETURNING``."""
    returns = connection.features.can_return_columns_from_insert
    return connection.vendor in ("postgresql", "sqlite") and bool(returns)


class Unindexed(models.Func):
    """
    A column of text as no index has it.

    For a condition on rows that their primary keys find. PostgreSQL takes a partial
    index for cheaper while its statistics know of few rows in that, and after a
    burst of new rows it would read them all for each one.
    """

    arity = 1
    template = "%(expressions)s"
    output_field = models.CharField()

    def as_postgresql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return self.as_sql(compiler, connection, template="(%(expressions)s || '')", **extra)


def names_keys(rows: Rows) -> bool:
    """Return whether ``rows`` are filtered by primary keys, one or a list of them."""
    where = rows.query.where
    return where.connector == "AND" and not where.negated and any(map(_names_keys, where.children))


def _names_keys(condition: Any) -> bool:
    target = getattr(getattr(condition, "lhs", None), "target", None)
    return getattr(target, "primary_key", False) and condition.lookup_name in ("exact", "in")


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
        statement, pk = build(connection) if key is None else prebuilt.cached(using, place, build)
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
) -> tuple[prebuilt.Statement, Any]:
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
    return prebuilt.Statement(text, (*update_params, *inner_params)), meta.pk


def _named(values: Any, fields: tuple[str, ...], pk: Any = None) -> Any:
    key = values[0] if pk is None else pk.to_python(values[0])
    return SimpleNamespace(pk=key, **dict(zip(fields, values[1 : len(fields) + 1], strict=True)))


def insert_many(
    connection: Any, row: models.Model, varying: tuple[str, ...], values: list[Any]
) -> None:
    """
    Insert copies of ``row`` that differ in the fields ``varying``; ``values`` has theirs.

    One statement, in which the rest travels once: on PostgreSQL the values are an
    array for each column, on MySQL and MariaDB a UNION. (Their clients' own bulk
    INSERT is one statement for each row where VALUES calls a function.) On SQLite
    nothing travels; the statement is prepared once.
    """
    meta: Any = row._meta
    fields = [meta.get_field(name) for name in varying]
    constant = [field for field in meta.concrete_fields if field not in fields]
    compiler = sql.InsertQuery(type(row)).get_compiler(connection=connection)
    texts: list[str] = []
    params: list[Any] = []
    for field in constant:
        value = compiler.prepare_value(field, getattr(row, field.attname))
        text, own = compiler.compile(value) if hasattr(value, "as_sql") else ("%s", [value])
        texts.append(text)
        params.extend(own)
    quote = connection.ops.quote_name
    columns = ", ".join(quote(field.column) for field in (*fields, *constant))
    start = f"INSERT INTO {quote(meta.db_table)} ({columns})"
    prepared = [_prepare(connection, fields, each) for each in values]
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            places = ", ".join(["%s"] * len(fields) + texts)
            cursor.executemany(f"{start} VALUES ({places})", [(*v, *params) for v in prepared])
            return
        names = ", ".join(f"v.{quote(field.column)}" for field in fields)
        table, given = _table(connection, fields, prepared)
        text = f"{start} SELECT {names}, {', '.join(texts)} FROM {table}"
        cursor.execute(text, [*params, *given])


def _table(connection: Any, fields: list[Any], prepared: list[Any]) -> tuple[str, list[Any]]:
    """Return values as the text of a derived table ``v``, with its parameters."""
    columns = [connection.ops.quote_name(field.column) for field in fields]
    if connection.vendor == "postgresql":
        arrays = ", ".join(f"%s::{field.db_type(connection)}[]" for field in fields)
        text = f"unnest({arrays}) AS v({', '.join(columns)})"
        return text, [list(column) for column in zip(*prepared, strict=True)]
    first = ", ".join(f"%s AS {column}" for column in columns)
    more = f" UNION ALL SELECT {', '.join(['%s'] * len(columns))}" * (len(prepared) - 1)
    return f"(SELECT {first}{more}) AS v", [value for row in prepared for value in row]


def _prepare(connection: Any, fields: list[Any], values: Any) -> list[Any]:
    pairs = zip(fields, values, strict=True)
    return [field.get_db_prep_save(value, connection) for field, value in pairs]


def which_exist(*querysets: Rows) -> list[bool]:
    """Return for each queryset whether it has a row, in one statement."""
    connection = connections[querysets[0].db]
    parts: list[str] = []
    params: list[Any] = []
    for rows in querysets:
        compiler = rows.order_by().values("pk")[:1].query.get_compiler(connection=connection)
        part, part_params = compiler.as_sql()
        parts.append(f"EXISTS ({part})")
        params.extend(part_params)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(parts)}", params)
        return [bool(found) for found in cursor.fetchone()]


def exists_now(rows: Rows) -> bool:
    """Return whether ``rows`` has a row now, whatever this transaction's snapshot shows."""
    other = connections.create_connection(rows.db)
    try:
        compiler = rows.values("pk")[:1].query.get_compiler(connection=other)
        statement, params = compiler.as_sql()
        with other.cursor() as cursor:
            cursor.execute(statement, params)
            return cursor.fetchone() is not None
    finally:
        other.close()
