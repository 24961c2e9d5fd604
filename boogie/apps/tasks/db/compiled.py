"""
Statements compiled once: the ones that every run needs.

The ORM builds a statement anew each time, which costs several times more than
its execution. Here a queryset is compiled once, with :class:`Slot` in the
places of the values that change, and executed with values from then on. What
the statement says stays with those who build the queryset.

Cached for each thread and database, like Django's connections; for bodies that share these, once.
The server may keep those that can have one plan only (by primary key, or an INSERT).
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import NotSupportedError, connections, models
from django.db.models import Expression, sql

from . import clock, commits, postgresql
from .lending import bodies

Rows = models.QuerySet[Any]


class Slot(Expression):
    """A place in a compiled statement, filled by name when it is executed."""

    def __init__(self, name: str, field: "models.Field[Any, Any]") -> None:
        super().__init__(output_field=field)
        self.name = name

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        """Return a placeholder, whose parameter is this slot."""
        return "%s", [self]


class Statement:
    """SQL text with slots; ``one_plan``: whatever the values, there is one way to execute it."""

    def __init__(self, text: str, params: Sequence[Any], one_plan: bool = False) -> None:
        self.text = text
        self.params = list(params)
        self.one_plan = one_plan
        slots = [(n, p.name) for n, p in enumerate(self.params) if isinstance(p, Slot)]
        self._slots = tuple(slots)

    def cursor(self, connection: Any, values: dict[str, Any]) -> Any:
        """Execute with ``values``, ready for the database, in the slots; return the cursor."""
        params = self.params.copy()
        for place, name in self._slots:
            params[place] = values[name]
        if not self.one_plan or not postgresql.may_prepare(connection):
            return _executed(connection.cursor(), self.text, params)
        try:
            return _executed(postgresql.cursor(connection), self.text, params)
        except NotSupportedError:
            if commits.in_transaction(connection):
                raise
            # A migration has changed the type of a column: what is kept has become useless.
            connection.close()
            return _executed(connection.cursor(), self.text, params)

    def count(self, connection: Any, values: dict[str, Any]) -> int:
        """Execute, and return how many rows were updated."""
        with self.cursor(connection, values) as cursor:
            return int(cursor.rowcount)

    def all(self, connection: Any, values: dict[str, Any]) -> list[Any]:
        """Execute, and return all rows as the database returned them."""
        with self.cursor(connection, values) as cursor:
            return list(cursor.fetchall())

    def one(self, connection: Any, values: dict[str, Any], reader: "Reader") -> Any:
        """Execute, and return the one row that came back as an instance, or ``None``."""
        found = self.all(connection, values)
        return reader.instance(found[0]) if found else None


def _executed(cursor: Any, text: str, params: list[Any]) -> Any:
    try:
        cursor.execute(text, params)
    except BaseException:
        cursor.close()
        raise
    return cursor


def slot(model: Any, name: str) -> Slot:
    """Return a slot for the field ``name`` of ``model``."""
    return Slot(name, model._meta.get_field(name))


class _Cache(threading.local):
    def __init__(self) -> None:
        self.entries: dict[Any, Any] = {}


_cache = _Cache()


def forget() -> None:
    """Compile everything anew, in this thread: a table or a setting has changed (tests)."""
    _cache.entries.clear()


def cached(using: str, key: Any, build: Callable[[Any], Any]) -> Any:
    """Return what ``build(connection)`` made for ``key`` in this thread."""
    connection = connections[using]
    if clock.pretended() is not None:  # a time that a test has made up is in the text
        return build(connection)
    place = (using, settings.USE_TZ, key)  # how a time is read depends on it
    shared = bodies.statements(using)
    entries = _cache.entries if shared is None else shared
    entry = entries.get(place)
    if entry is None or (shared is None and entry[0] is not connection):
        entry = entries[place] = (connection, build(connection))
    return entry[1]


@dataclass(frozen=True)
class Part:
    """A piece of a statement: its text, and the parameters that belong in it."""

    text: str
    params: Sequence[Any] = ()


#: No piece at all.
NOTHING = Part("")


def joined(*parts: Part) -> Statement:
    """Return the statement that ``parts`` make up; it has one plan."""
    text = "".join(part.text for part in parts)
    return Statement(text, [p for part in parts for p in part.params], one_plan=True)


class Update:
    """
    A compiled UPDATE of one row, found by its primary key, in its parts.

    ``changes`` ends before the WHERE, ``condition`` begins behind it.
    """

    def __init__(self, connection: Any, rows: Rows, changes: dict[str, Any]) -> None:
        query: Any = rows.model._base_manager.all().query.chain(sql.UpdateQuery)
        query.add_update_values(changes)
        self.changes = Part(*query.get_compiler(connection=connection).as_sql())
        compiler: Any = rows.query.get_compiler(connection=connection)
        self.condition = Part(*compiler.compile(rows.query.where))

    def statement(self, end: "Reader | Part" = NOTHING) -> Statement:
        """Return it whole; with what a reader reads, or what ``end`` says, of the updated row."""
        if isinstance(end, Reader):
            # By their bare names: a statement that is prepared anew takes its time by its length.
            end = Part(f" RETURNING {end.columns()}")
        return joined(self.changes, Part(" WHERE "), self.condition, end)


class Reader:
    """
    Makes instances of a model from rows of a compiled SELECT by primary key.

    What ``rows`` defer is not read, and is read by itself when an instance is asked for it.
    """

    def __init__(self, connection: Any, rows: Rows) -> None:
        self.using = connection.alias
        self.connection = connection
        self.model = rows.model
        self.compiler = rows.query.get_compiler(connection=connection)
        text, params = self.compiler.as_sql()
        self.statement = Statement(text, params, one_plan=True)
        fields = self.compiler.klass_info["select_fields"]
        columns = [column[0] for column in self.compiler.select[fields[0] : fields[-1] + 1]]
        self.names = [column.target.attname for column in columns]
        self.converters = tuple(self.compiler.get_converters(columns).items())
        self._quoted = [connection.ops.quote_name(column.target.column) for column in columns]

    def columns(self, prefix: str = "") -> str:
        """Return the columns that are read, as SQL, each behind ``prefix``."""
        return ", ".join(prefix + column for column in self._quoted)

    def instance(self, values: Any) -> Any:
        """Return the instance for one row as the database returned it."""
        values = list(values)
        for place, (converters, column) in self.converters:
            value = values[place]
            for convert in converters:
                value = convert(value, column, self.connection)
            values[place] = value
        return self.model.from_db(self.using, self.names, values)

    def get(self, values: dict[str, Any]) -> Any:
        """Execute and return the one instance; raise ``DoesNotExist`` if there is none."""
        found = self.statement.one(connections[self.using], values, self)
        if found is None:
            name = self.model._meta.object_name
            raise self.model.DoesNotExist(f"{name} matching query does not exist.")
        return found


def is_plain(manager: Any) -> bool:
    """Return whether a manager only selects the columns of its model."""
    return type(manager) is models.Manager and type(manager.get_queryset()) is models.QuerySet


def get(manager: Any, using: str, key: Any) -> Any:
    """Return the instance with the primary key ``key``, by a statement that is built once."""
    model = manager.model
    field = model._meta.pk
    if not is_plain(manager) or not field.concrete:
        return manager.using(using).get(pk=key)

    def build(connection: Any) -> Reader:
        return Reader(connection, manager.using(using).filter(pk=Slot("pk", field)))

    reader = cached(using, ("get", model), build)
    return reader.get({"pk": field.get_db_prep_value(key, connections[using])})
