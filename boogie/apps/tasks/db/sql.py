"""
What Django's ORM has no words for: conditions beside an index, numbers that a connection
remembers, questions to several tables.

Built from querysets, so that names, quoting and filters stay the ORM's.
"""

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connections, models
from django.db.models import Case, F, Value, When

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


def among(rows: Rows, fits: Rows, order: Sequence[str], cap: int, limit: int) -> list[Any]:
    """
    Return the keys of those of the first ``cap`` of ``rows`` that ``fits`` has too, in ``order``.

    At most ``limit`` keys, in one statement. No other rows are looked at: what is asked outside
    of a ``LIMIT`` is no reason for a database to read by another index, or any further.
    """
    places = {f"by_{n}": F(name.removeprefix("-")) for n, name in enumerate(order)}
    try:
        looked, params = _looked_at(rows, fits, cap, found=F("pk"), **places)
    except EmptyResultSet:
        return []
    by = ", ".join(
        f"{place}{' DESC' if name.startswith('-') else ''}"
        for place, name in zip(places, order, strict=True)
    )
    with connections[rows.db].cursor() as cursor:
        text = f"SELECT found FROM ({looked}) looked WHERE fits = 1 ORDER BY {by} LIMIT {limit}"
        cursor.execute(text, params)
        return [rows.model._meta.pk.to_python(found) for (found,) in cursor.fetchall()]


def is_among(rows: Rows, fits: Rows, cap: int) -> bool:
    """Return whether ``fits`` has one of the first ``cap`` of ``rows``; no more are looked at."""
    looked, params = _looked_at(rows, fits, cap)
    with connections[rows.db].cursor() as cursor:
        cursor.execute(f"SELECT 1 FROM ({looked}) looked WHERE fits = 1 LIMIT 1", params)
        return cursor.fetchone() is not None


def counts_among(sets: Sequence[tuple[Rows, Rows]], cap: int) -> list[tuple[int, int]]:
    """
    Return of each pair how many of the first ``cap`` of one the other has too, and of how many.

    In one statement.
    """
    parts: list[str] = []
    params: list[Any] = []
    for number, (rows, fits) in enumerate(sets):
        try:
            looked, its_params = _looked_at(rows, fits, cap)
        except EmptyResultSet:
            looked, its_params = "SELECT 0 AS fits WHERE 1 = 0", ()
        counts = "COALESCE(SUM(fits), 0), COUNT(*)"
        parts.append(f"SELECT {number} AS place, {counts} FROM ({looked}) looked_{number}")
        params.extend(its_params)
    with connections[sets[0][0].db].cursor() as cursor:
        cursor.execute(f"{' UNION ALL '.join(parts)} ORDER BY place", params)
        return [(int(fitting), int(looked)) for _place, fitting, looked in cursor.fetchall()]


def _looked_at(rows: Rows, fits: Rows, cap: int, **columns: Any) -> tuple[str, Sequence[Any]]:
    """Return SQL for the first ``cap`` of ``rows``, each with whether it ``fits``."""
    condition, number = fits.query.where, models.IntegerField()
    whether = (
        Case(When(condition, then=1), default=0, output_field=number) if condition else Value(1)
    )
    asked = rows.annotate(fits=whether, **columns)
    return _compiled(asked.values_list("fits", *columns)[:cap])
