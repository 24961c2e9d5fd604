"""
An UPDATE that tells which of the rows it moved are marked, in that one statement.

A mark is an expression that is null for rows without it. Where a database returns what it updated,
the values come back; MySQL and MariaDB tell only that there are some.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connections, models, transaction
from django.db.models import F, Func, sql

from boogie.apps.tasks.db import compiled, features
from boogie.apps.tasks.db.lending import bodies

Rows = models.QuerySet[Any]
#: Expressions by what they are called.
Marks = Mapping[str, Any]


@dataclass(frozen=True)
class Found:
    """The marks of rows that were moved; ``values``: ``None`` where no more is known than that."""

    values: Mapping[str, frozenset[Any]] | None = None

    def of(self, name: str) -> frozenset[Any] | None:
        """Return the values of one mark; ``None``: they have to be looked for."""
        return None if self.values is None else self.values[name]


class Noted(Func):
    """A column as it is; if a row has marks, this connection notes so. For MySQL and MariaDB."""

    def as_mysql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        column, *marks = self.get_source_expressions()
        text, params = compiler.compile(column)
        parts = [compiler.compile(mark) for mark in marks]
        any_of = " OR ".join(f"{part} IS NOT NULL" for part, _ in parts)
        given = [value for _, values in parts for value in values]
        noted = f"CASE WHEN {any_of} THEN {text} + 0 * LAST_INSERT_ID(1) ELSE {text} END"
        return noted, [*given, *params, *params]


def update(rows: Rows, changes: Mapping[str, Any], marks: Marks) -> tuple[int, Found | None]:
    """Update ``rows``; return how many moved, and their marks, if any has one."""
    if rows.query.is_sliced:
        raise TypeError("Cannot update a query once a slice has been taken.")
    rows._not_support_combined_queries("update")  # type: ignore[attr-defined]
    connection = connections[rows.db]
    with transaction.mark_for_rollback_on_error(using=rows.db):
        try:
            statement = _statement(rows.order_by(), changes, marks, connection)
        except EmptyResultSet:
            return 0, None
        return execute(statement, connection, {}, tuple(marks))


def execute(
    statement: compiled.Statement, connection: Any, values: dict[str, Any], names: Sequence[str]
) -> tuple[int, Found | None]:
    """
    Execute a statement that notes marks and ends as :func:`returning` says; return the same.

    ``names``: those of the marks.
    """
    with bodies.together(connection.alias), statement.cursor(connection, values) as cursor:
        if not features.returns_from_update(connection):
            return int(cursor.rowcount), Found() if cursor.lastrowid else None
        rows = cursor.fetchall()
    if all(row.count(None) == len(row) for row in rows):
        return len(rows), None
    found = {
        name: frozenset(row[place] for row in rows if row[place] is not None)
        for place, name in enumerate(names)
    }
    return len(rows), Found(found)


def noting(rows: Rows, changes: Mapping[str, Any], marks: Marks) -> dict[str, Any]:
    """Return ``changes``, and that by which a connection notes marks where nothing comes back."""
    if features.returns_from_update(connections[rows.db]):
        return dict(changes)
    return {**changes, "is_needed": Noted(F("is_needed"), *marks.values())}


def returning(rows: Rows, marks: Marks) -> compiled.Part:
    """Return what ends an UPDATE whose marks come back."""
    connection = connections[rows.db]
    if not features.returns_from_update(connection):
        return compiled.NOTHING
    compiler: Any = rows.query.get_compiler(connection=connection)
    parts = [compiler.compile(mark.resolve_expression(rows.query)) for mark in marks.values()]
    text = ", ".join(part for part, _ in parts)
    return compiled.Part(f" RETURNING {text}", [value for _, own in parts for value in own])


def _statement(
    rows: Rows, changes: Mapping[str, Any], marks: Marks, connection: Any
) -> compiled.Statement:
    query: Any = rows.query.chain(sql.UpdateQuery)
    query.annotations = {}
    query.add_update_values(noting(rows, changes, marks))
    text, params = query.get_compiler(connection=connection).as_sql()
    end = returning(rows, marks)
    return compiled.Statement(text + end.text, [*params, *end.params])
