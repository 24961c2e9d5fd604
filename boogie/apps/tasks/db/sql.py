"""
What Django's ORM has no words for: conditions beside an index, numbers that a connection
remembers, questions to several tables, an index read from group to group.

Built from querysets, so that names, quoting and filters stay the ORM's.
"""

from collections.abc import Sequence
from typing import Any

from django.db import connections, models
from django.db.models.expressions import RawSQL

from .connections import apart

Rows = models.QuerySet[Any]


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


class Remembered(models.Func):
    """
    A number that an UPDATE writes, which :class:`Recalled` tells this connection afterwards.

    For MySQL and MariaDB, where an UPDATE returns nothing; elsewhere just the number.
    """

    arity = 1
    template = "%(expressions)s"
    output_field = models.IntegerField()

    def as_mysql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return self.as_sql(compiler, connection, template="LAST_INSERT_ID(%(expressions)s)")


class Recalled(models.Func):
    """What the last :class:`Remembered` of this connection was; of MySQL and MariaDB alone."""

    arity = 0
    function = "LAST_INSERT_ID"
    output_field = models.IntegerField()


def names_keys(rows: Rows) -> bool:
    """Return whether ``rows`` are filtered by primary keys, one or a list of them."""
    where = rows.query.where
    return where.connector == "AND" and not where.negated and any(map(_names_keys, where.children))


def _names_keys(condition: Any) -> bool:
    target = getattr(getattr(condition, "lhs", None), "target", None)
    return getattr(target, "primary_key", False) and condition.lookup_name in ("exact", "in")


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


def first_of(sets: Sequence[Rows], columns: Sequence[str], limit: int) -> tuple[str, Sequence[Any]]:
    """
    Return SQL for ``columns`` of the first ``limit`` rows of several sets, which have one order.

    Each set is read by itself and no further than that: by an index that has its order.
    """
    by: Sequence[Any] = sets[0].query.order_by
    order = [(name.removeprefix("-"), name.startswith("-")) for name in by]
    names = list(dict.fromkeys([*columns, *(name for name, _ in order)]))
    parts = [_compiled(rows.values_list(*names)[:limit]) for rows in sets]
    if len(parts) == 1:
        return parts[0]
    union = " UNION ALL ".join(f"SELECT * FROM ({part[0]}) set_{n}" for n, part in enumerate(parts))
    places = ", ".join(f"{names.index(name) + 1}{' DESC' if down else ''}" for name, down in order)
    return f"{union} ORDER BY {places} LIMIT {limit}", [
        value for part in parts for value in part[1]
    ]


def _compiled(rows: Rows) -> tuple[str, Sequence[Any]]:
    text, params = rows.query.get_compiler(connection=connections[rows.db]).as_sql()
    return text, params


def first_of_groups(rows: Rows, by: Sequence[str], limit: int) -> list[Any]:
    """
    Return for each group of ``rows`` the key of the one that is first in their order.

    ``by`` names the columns that make a group, those that an index begins with ("-": downwards).
    The index is asked from one group for the next, in one statement: what it costs depends on
    how many groups there are, and not on how many rows. It ends after ``limit`` groups.

    ``None`` for a group without rows: where an index cannot be of some rows alone, the groups
    are those of the whole table.
    """
    connection = connections[rows.db]
    is_partial = connection.features.supports_partial_indexes
    indexed = (rows if is_partial else rows.model._base_manager.using(rows.db)).values_list("pk")
    first, first_params = _compiled(indexed.order_by(*by)[:1])
    steps = [_compiled(each) for each in _next_groups(indexed, by)]
    found, found_params = _compiled(rows.filter(**_as_last(rows, by)).values_list("pk")[:1])
    quote = connection.ops.quote_name
    table, pk = (quote(name) for name in (rows.model._meta.db_table, rows.model._meta.pk.column))
    statement = (
        f"WITH RECURSIVE places (pk, number) AS (SELECT first_place.*, 1 FROM ({first}) first_place"
        f" UNION ALL SELECT COALESCE({', '.join(f'({text})' for text, _ in steps)}), number + 1"
        f" FROM places JOIN {table} {LAST} ON {LAST}.{pk} = places.pk WHERE number < {limit:d})"
        f" SELECT ({found}) FROM places JOIN {table} {LAST} ON {LAST}.{pk} = places.pk"
    )
    step_params = [value for _, params in steps for value in params]
    with connection.cursor() as cursor:
        cursor.execute(statement, [*first_params, *step_params, *found_params])
        return [rows.model._meta.pk.to_python(key) for (key,) in cursor.fetchall()]


#: The place in an index that was found last.
LAST = "last_place"


def _next_groups(indexed: Rows, by: Sequence[str]) -> list[Rows]:
    """Return what comes after the last group, the nearest first: another value of one column."""
    found = []
    for number in reversed(range(len(by))):
        name = by[number].removeprefix("-")
        side = "lt" if by[number].startswith("-") else "gt"
        beyond = {f"{name}__{side}": _last(indexed, name)}
        same = _as_last(indexed, by[:number])
        found.append(indexed.filter(**same, **beyond).order_by(*by[number:])[:1])
    return found


def _as_last(rows: Rows, by: Sequence[str]) -> dict[str, Any]:
    return {name: _last(rows, name) for name in (name.removeprefix("-") for name in by)}


def _last(rows: Rows, name: str) -> RawSQL:
    column = rows.model._meta.get_field(name).column
    return RawSQL(f"{LAST}.{connections[rows.db].ops.quote_name(column)}", ())


def exists_now(rows: Rows) -> bool:
    """Return whether ``rows`` has a row now, whatever this transaction's snapshot shows."""
    other = apart(rows.db)
    try:
        compiler = rows.values("pk")[:1].query.get_compiler(connection=other)
        statement, params = compiler.as_sql()
        with other.cursor() as cursor:
            cursor.execute(statement, params)
            return cursor.fetchone() is not None
    finally:
        other.close()
