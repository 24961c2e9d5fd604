"""
The INSERT of one row where another one may be in the way: of two statements made one.
"""

from collections.abc import Mapping
from typing import Any

from django.db import connections, models
from django.db.models import Expression, sql

from boogie.apps.tasks.db import features
from boogie.apps.tasks.db.compiled import Part, Reader, Statement
from boogie.apps.tasks.db.insert import Inserter, Shape

from .constraint import UniqueAmong


class Given(Expression):
    """In what an INSERT does instead: the value that it came with."""

    def __init__(self, field: "models.Field[Any, Any]") -> None:
        super().__init__(output_field=field)
        self.column = field.column

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        return f"EXCLUDED.{connection.ops.quote_name(self.column)}", []

    def as_mysql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        return f"VALUES({connection.ops.quote_name(self.column)})", []


def assignments(model: Any, connection: Any, changes: Mapping[str, Any]) -> Part:
    """Return ``changes``, expressions by the names of fields, as they stand behind SET."""
    query: Any = sql.UpdateQuery(model)
    query.add_update_values(changes)
    text, params = query.get_compiler(connection=connection).as_sql()
    return Part(text.partition(" SET ")[2], params)


def held(rows: Any, name: str) -> list[Any]:
    """Return a field of ``rows``, which nobody changes before this transaction has ended."""
    connection = connections[rows.db]
    text, params = rows.values_list(name).query.get_compiler(connection=connection).as_sql()
    with connection.cursor() as cursor:
        cursor.execute(text + features.share_lock(connection), params)
        return [value for (value,) in cursor.fetchall()]


class Claimant(Inserter):
    """
    A compiled INSERT of a row into a place that another one may have.

    With ``changes``, or where a database knows no other way, the other one comes back.
    """

    def __init__(
        self,
        connection: Any,
        shape: Shape,
        constraint: UniqueAmong,
        changes: Mapping[str, Any] | None = None,
    ) -> None:
        self.constraint = constraint
        part = None if changes is None else assignments(shape.model, connection, changes)
        self.otherwise = constraint.otherwise(shape.model, connection, part)
        self.reader: Reader | None = None
        if changes is not None or not features.has_partial_indexes(connection):
            self.reader = Reader(connection, shape.model._base_manager.all())
        super().__init__(connection, shape)

    def _statement(self, connection: Any, text: str, params: Any) -> Statement:
        start, _, columns = text.rpartition(" RETURNING ")
        if self.reader is not None:
            quote = connection.ops.quote_name
            fields = self.reader.model._meta.concrete_fields
            columns = ", ".join(quote(field.column) for field in fields)
        text = f"{start}{self.otherwise.text} RETURNING {columns}"
        return Statement(text, [*params, *self.otherwise.params], one_plan=True)

    def claim(self, connection: Any, row: models.Model) -> Any:
        """
        Insert ``row``, and return it; or return the other one, if it comes back.

        ``None``: another one has the place, or had it a moment ago.
        """
        found = self._returned(connection, row)
        if found is None:
            return None
        if self.reader is None:
            self._inserted(row, found)
            return row
        there = self.reader.instance(found)
        if there.pk != row.pk:
            return there
        vars(row).update({name: vars(there)[name] for name in self.returned})
        row._state.adding = False
        return row
