"""
INSERT statements: of one row, compiled once; of many rows, at once.
"""

from dataclasses import dataclass
from typing import Any

from django.db import models
from django.db.models import sql

from . import features
from .compiled import NOTHING, Part, Slot, Statement


def insert_many(
    connection: Any,
    row: models.Model,
    varying: tuple[str, ...],
    values: list[Any],
    otherwise: Part = NOTHING,
) -> None:
    """
    Insert copies of ``row`` that differ in the fields ``varying``; ``values`` has theirs.

    ``otherwise``: what is done in place of an error, for those that another row is in the way of.

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
        if features.is_in_process(connection):
            places = ", ".join(["%s"] * len(fields) + texts)
            text = f"{start} VALUES ({places}){otherwise.text}"
            cursor.executemany(text, [(*v, *params, *otherwise.params) for v in prepared])
            return
        names = ", ".join(f"v.{quote(field.column)}" for field in fields)
        table, given = _table(connection, fields, prepared)
        text = f"{start} SELECT {names}, {', '.join(texts)} FROM {table}{otherwise.text}"
        cursor.execute(text, [*params, *given, *otherwise.params])


def _table(connection: Any, fields: list[Any], prepared: list[Any]) -> tuple[str, list[Any]]:
    """Return values as the text of a derived table ``v``, with its parameters."""
    columns = [connection.ops.quote_name(field.column) for field in fields]
    if features.has_arrays(connection):
        arrays = ", ".join(f"%s::{field.db_type(connection)}[]" for field in fields)
        text = f"unnest({arrays}) AS v({', '.join(columns)})"
        return text, [list(column) for column in zip(*prepared, strict=True)]
    first = ", ".join(f"%s AS {column}" for column in columns)
    more = f" UNION ALL SELECT {', '.join(['%s'] * len(columns))}" * (len(prepared) - 1)
    return f"(SELECT {first}{more}) AS v", [value for row in prepared for value in row]


def _prepare(connection: Any, fields: list[Any], values: Any) -> list[Any]:
    pairs = zip(fields, values, strict=True)
    return [field.get_db_prep_save(value, connection) for field, value in pairs]


@dataclass(frozen=True)
class Shape:
    """
    What an INSERT of one row says, but for the values; equal shapes are one statement.

    ``given``: the fields whose values come with each row, by ``attname``; ``computed``:
    expressions of the database's, by ``attname``. All others have the values of a new
    instance, in the statement itself, or by the column's own default.
    """

    model: type[models.Model]
    given: tuple[str, ...]
    computed: tuple[tuple[str, Any], ...]


def _is_named(field: Any, template: models.Model) -> bool:
    """Return whether a column has to be named: the database would put something else there."""
    value = getattr(template, field.attname)
    if hasattr(value, "as_sql"):
        return True
    has_default = field.db_default is not models.NOT_PROVIDED
    return not has_default and (not field.null or value not in (None, [], {}))


class Inserter:
    """A compiled INSERT of one :class:`Shape`; it returns the columns that were computed."""

    def __init__(self, connection: Any, shape: Shape) -> None:
        model, computed = shape.model, dict(shape.computed)
        fields = model._meta.concrete_fields
        self.given = [field for field in fields if field.attname in shape.given]
        returned = [field for field in fields if field.attname in computed]
        self.returned = [field.attname for field in returned]
        template = model()
        for field in self.given:
            setattr(template, field.attname, Slot(field.attname, field))
        for name, expression in computed.items():
            setattr(template, name, expression)
        named = [field for field in fields if _is_named(field, template)]
        query = sql.InsertQuery(model)
        query.insert_values(named, [template])
        self.compiler = query.get_compiler(connection=connection)
        self.compiler.returning_fields = returned
        ((text, params),) = self.compiler.as_sql()
        self.statement = self._statement(connection, text, params)
        columns = [field.get_col(model._meta.db_table) for field in returned]
        self.converters = self.compiler.get_converters(columns)

    def _statement(self, connection: Any, text: str, params: Any) -> Statement:
        return Statement(text, params, one_plan=True)

    def insert(self, connection: Any, row: models.Model) -> None:
        """Insert ``row``; set on it what the database computed."""
        self._inserted(row, self._returned(connection, row))

    def _returned(self, connection: Any, row: models.Model) -> Any:
        """Execute, and return the row that came back; ``None``: none did."""
        own = vars(row)
        values = {
            field.attname: field.get_db_prep_save(own[field.attname], connection)
            for field in self.given
        }
        with self.statement.cursor(connection, values) as cursor:
            return cursor.fetchone()

    def _inserted(self, row: models.Model, found: Any) -> None:
        converted = next(iter(self.compiler.apply_converters([list(found)], self.converters)))
        vars(row).update(zip(self.returned, converted, strict=True))
        row._state.adding = False
