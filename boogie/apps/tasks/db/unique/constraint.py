"""
A constraint: of the rows that match a condition, no two have the same value. Migrations name it.

A partial unique index where a database has such a thing. MySQL and MariaDB have none; there a
virtual column has the value of the rows that match, NULL for others, and a unique index is on that.
"""

from typing import Any

from django.db import DEFAULT_DB_ALIAS, IntegrityError, connections, models
from django.db.models import BooleanField, CharField, Q
from django.db.models.expressions import RawSQL
from django.db.models.lookups import In
from django.db.models.sql import Query

from boogie.apps.tasks.db import features
from boogie.apps.tasks.db.compiled import Part

Rows = models.QuerySet[Any]


class UniqueAmong(models.BaseConstraint):
    """Of the rows that match ``where`` no two have the same ``field``; ``column``: the virtual."""

    def __init__(self, *, field: str, where: Q, column: str, name: str, **options: Any) -> None:
        super().__init__(name=name, **options)
        self.field, self.where, self.column = field, where, column

    def deconstruct(self) -> Any:
        path, args, options = super().deconstruct()
        own = {"field": self.field, "where": self.where, "column": self.column}
        return path, args, {**options, **own}

    def __eq__(self, other: object) -> bool:
        if isinstance(other, UniqueAmong):
            return bool(self.deconstruct() == other.deconstruct())
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self.name)

    # --- in the database --------------------------------------------------------------

    def constraint_sql(self, model: Any, schema_editor: Any) -> Any:
        """It is no part of CREATE TABLE, but comes after that."""
        schema_editor.deferred_sql.append(self.create_sql(model, schema_editor))

    def create_sql(self, model: Any, schema_editor: Any) -> Any:
        connection, quote = schema_editor.connection, schema_editor.quote_name
        table, name = quote(model._meta.db_table), quote(self.name)
        field = model._meta.get_field(self.field)
        where = self.condition(model, connection)
        if features.has_partial_indexes(connection):
            return f"CREATE UNIQUE INDEX {name} ON {table} ({quote(field.column)}) WHERE {where}"
        parameters = field.db_parameters(connection)
        kind = f"{parameters['type']} COLLATE {parameters['collation']}"
        value = f"(CASE WHEN {where} THEN {quote(field.column)} END)"
        hidden = " INVISIBLE" if features.hides_columns(connection) else ""
        column = quote(self.column)
        return (
            f"ALTER TABLE {table} ADD COLUMN {column} {kind} GENERATED ALWAYS AS {value} "
            f"VIRTUAL{hidden}, ADD UNIQUE INDEX {name} ({column})"
        )

    def remove_sql(self, model: Any, schema_editor: Any) -> Any:
        connection, quote = schema_editor.connection, schema_editor.quote_name
        name = quote(self.name)
        if features.has_partial_indexes(connection):
            return f"DROP INDEX {name}"
        table = quote(model._meta.db_table)
        return f"ALTER TABLE {table} DROP INDEX {name}, DROP COLUMN {quote(self.column)}"

    def validate(
        self, model: Any, instance: Any, exclude: Any = None, using: str = DEFAULT_DB_ALIAS
    ) -> None:
        """Nothing is asked: the machine writes the field, and who loses is told by the database."""

    # --- for statements ---------------------------------------------------------------

    def condition(self, model: Any, connection: Any) -> str:
        """Return ``where`` as the index has it: without parameters, so that it is known again."""
        query = Query(model=model, alias_cols=False)
        compiler = query.get_compiler(connection=connection)
        text, params = query.build_where(self.where).as_sql(compiler, connection)
        editor = connection.schema_editor()
        return str(text % tuple(editor.quote_value(value) for value in params))

    def among(self, rows: Rows, values: Any) -> Rows:
        """Return those of ``rows`` that match and have one of ``values``, by the index."""
        connection = connections[rows.db]
        if features.has_partial_indexes(connection):
            where = RawSQL(self.condition(rows.model, connection), (), BooleanField())
            return rows.filter(where, **{f"{self.field}__in": values})
        column = RawSQL(connection.ops.quote_name(self.column), (), CharField())
        return rows.filter(In(column, values))

    def otherwise(self, model: Any, connection: Any, changes: Part | None = None) -> Part:
        """
        Return what an INSERT does in place of an error: ``changes`` to the other row, or nothing.

        ``changes`` is what stands behind SET in an UPDATE.
        """
        quote = connection.ops.quote_name
        if not features.has_partial_indexes(connection):
            key = f"{quote(model._meta.db_table)}.{quote(model._meta.pk.column)}"
            start = " ON DUPLICATE KEY UPDATE "
            return Part(f"{start}{key} = {key}") if changes is None else _after(start, changes)
        column = quote(model._meta.get_field(self.field).column)
        start = f" ON CONFLICT ({column}) WHERE {self.condition(model, connection)} DO "
        return (
            Part(f"{start}NOTHING") if changes is None else _after(f"{start}UPDATE SET ", changes)
        )

    def refused(self, error: IntegrityError, model: Any) -> bool:
        """Return whether it is this constraint that an error is of."""
        text = str(error)  # SQLite names the column
        return self.name in text or f"{model._meta.db_table}.{self.field}" in text


def _after(start: str, changes: Part) -> Part:
    return Part(start + changes.text, changes.params)
