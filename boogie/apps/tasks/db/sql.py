"""
What Django's ORM has no words for: conditions beside an index, numbers that a connection
remembers, questions to several tables.

Built from querysets, so that names, quoting and filters stay the ORM's.
"""

from collections.abc import Sequence
from typing import Any, cast

from django.core.exceptions import EmptyResultSet
from django.db import connections, models
from django.db.models import Case, F, Value, When

from .compiled import Part
from .connections import apart
from .fields import JSONField

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


class UnindexedTime(models.Func):
    """
    A time as no index of SQLite has it.

    That takes ``IS NULL`` for an equality, and with it an index whose rows are all alike in that.
    """

    arity = 1
    template = "%(expressions)s"
    output_field = models.DateTimeField()

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return self.as_sql(compiler, connection, template="+%(expressions)s", **extra)


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


def exists(rows: Rows) -> Part:
    """Return SQL that tells whether ``rows`` has a row."""
    text, params = _compiled(rows.order_by().values("pk")[:1])
    return Part(f"EXISTS ({text})", params)


def first_exists_if(condition: Any, rows: Rows) -> Part:
    """
    Return SQL that tells whether ``rows`` has a first row; none is looked at without ``condition``.

    By an index that has their order. Of an ``EXISTS`` PostgreSQL forgets the order, and may read a
    table from its beginning, where all may lie that are something else.
    """
    compiler = rows.query.get_compiler(connection=connections[rows.db])
    text, params = compiler.compile(condition.resolve_expression(rows.query))
    first, more = _compiled(rows.values("pk")[:1])
    return Part(f"CASE WHEN {text} THEN ({first}) IS NOT NULL ELSE FALSE END", [*params, *more])


def which_exist(*asked: Rows | Part) -> list[bool]:
    """
    Return for each queryset whether it has a row, in one statement.

    In place of a queryset there may be what :func:`exists` has made of one; not of the first.
    """
    parts = [one if isinstance(one, Part) else exists(one) for one in asked]
    params = [value for part in parts for value in part.params]
    using = cast(Rows, asked[0]).db
    with connections[using].cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(part.text for part in parts)}", params)
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


class Appended(models.Func):
    """A JSON list with one more object at its end; ``values`` has the parts of that, by name."""

    output_field = JSONField()

    def __init__(self, field: str, **values: Any) -> None:
        self.names = tuple(values)
        super().__init__(models.F(field), *values.values())

    def _appended(self, compiler: Any, template: str, text: str = "{}") -> tuple[str, Any]:
        (before, params), *parts = map(compiler.compile, self.get_source_expressions())
        pairs = zip(self.names, parts, strict=True)
        members = ", ".join(f"'{name}', {text.format(part)}" for name, (part, _) in pairs)
        values = [value for _, own in parts for value in own]
        return template.format(before=before, members=members), (*params, *values)

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        template = "JSON_INSERT(COALESCE({before}, '[]'), '$[#]', JSON_OBJECT({members}))"
        return self._appended(compiler, template)

    def as_mysql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        template = "JSON_ARRAY_APPEND(COALESCE({before}, '[]'), '$', JSON_OBJECT({members}))"
        return self._appended(compiler, template)

    def as_postgresql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        object_of = "JSONB_BUILD_ARRAY(JSONB_BUILD_OBJECT({members}))"
        template = f"(COALESCE({{before}}, '[]'::jsonb) || {object_of})"
        return self._appended(compiler, template, "{}::text")
