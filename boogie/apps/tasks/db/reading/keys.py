"""
Primary keys as the text that rows carry: what ``references.object_key()`` writes, in SQL.

The key of an object is made text, never the text of a row a key: so a database finds the rows of
an object by the index that they have.
"""

from collections.abc import Callable, Sequence
from datetime import UTC
from typing import Any

from django.conf import settings
from django.db import NotSupportedError, models

from boogie.apps.tasks.db import features

#: SQL for a value, and its parameters.
Compiled = tuple[str, list[Any]]

#: Where the parts of a UUID begin in its 32 digits, and how long they are.
UUID_PARTS = ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12))

#: Places of a decimal up to which Python writes no exponent.
PLACES = 6


class KeyText(models.Func):
    """The key of an object, whatever its type and however many columns, as a row has it."""

    output_field = models.CharField()
    allows_composite_expressions = True

    def __init__(self, key: Any) -> None:
        super().__init__(key)

    def as_sql(self, compiler: Any, connection: Any, *args: Any, **extra: Any) -> Any:
        (key,) = self.get_source_expressions()
        columns = key.get_cols() if hasattr(key, "get_cols") else []
        if columns:
            parts = [(column.target, *compiler.compile(column)) for column in columns]
            text, params = _array(parts, connection)
        else:
            sql, given = compiler.compile(key)
            text, params = _text(key.output_field, sql, given, connection)
        return _exact(text, connection), params


def _array(parts: Sequence[tuple[Any, str, Any]], connection: Any) -> Compiled:
    """Return a composite key: a JSON array of texts, as Python writes it."""
    quotes = {"postgresql": "TO_JSON(({})::text)::text"}
    quote = quotes.get(connection.vendor, "JSON_QUOTE({})")
    pieces, values = ["'['"], []
    for number, (field, sql, params) in enumerate(parts):
        text, own = _text(field, sql, params, connection)
        pieces += ["', '"] * bool(number) + [quote.replace("{}", text)]
        values += own
    return _joined([*pieces, "']'"], connection), values


def _text(field: Any, sql: str, params: Any, connection: Any) -> Compiled:
    """Return the text of one column; ``NotSupportedError`` where SQL would write it otherwise."""
    while field.is_relation:
        field = field.target_field
    write = next((write for kind, write in WRITERS if isinstance(field, kind)), None)
    template = "" if write is None or hasattr(field, "from_db_value") else write(field, connection)
    if not template:
        raise NotSupportedError(
            f"The key {field.name!r} of {field.model._meta.label} is a {type(field).__name__}, "
            f"which {connection.display_name} does not write as rows of tasks have it. Ask for "
            f"the rows of each object, with Task.objects.for_object(obj)."
        )
    return template.replace("{}", sql), list(params) * template.count("{}")


def _joined(pieces: Sequence[str], connection: Any) -> str:
    if connection.vendor == "mysql":
        return f"CONCAT({', '.join(pieces)})"
    return f"({' || '.join(pieces)})"


def _exact(text: str, connection: Any) -> str:
    """Return text that is compared as the column of rows is: by its index, and exactly."""
    collation = features.exact_collation(connection)
    return f"CONVERT({text} USING utf8mb4) COLLATE {collation}" if collation else text


# --- by type --------------------------------------------------------------------------


def _number(field: Any, connection: Any) -> str:
    casts = {"postgresql": "({})::text", "mysql": "CAST({} AS CHAR)"}
    return casts.get(connection.vendor, "CAST({} AS TEXT)")


def _words(field: Any, connection: Any) -> str:
    return "({})::text" if connection.vendor == "postgresql" else "{}"


def _uuid(field: Any, connection: Any) -> str:
    if connection.features.has_native_uuid_field:
        return _number(field, connection)
    pieces: list[str] = []
    for start, size in UUID_PARTS:
        pieces += ["'-'"] * bool(pieces) + [f"SUBSTR({{}}, {start}, {size})"]
    return _joined(pieces, connection)


def _address(field: Any, connection: Any) -> str:
    return "HOST({})" if connection.vendor == "postgresql" else "{}"


def _decimal(field: Any, connection: Any) -> str:
    places = field.decimal_places
    if places is None or places > PLACES:
        return ""
    if connection.vendor == "sqlite":
        return f"PRINTF('%%.{places}f', {{}})"
    return _number(field, connection)


def _date(field: Any, connection: Any) -> str:
    forms = {"postgresql": "TO_CHAR({}, 'YYYY-MM-DD')", "mysql": "DATE_FORMAT({}, '%%Y-%%m-%%d')"}
    return forms.get(connection.vendor, "{}")


def _moment(field: Any, connection: Any) -> str:
    """As ``isoformat()`` has it: in UTC, or local where ``USE_TZ`` is off; without empty parts."""
    zone = "'+00:00'" if settings.USE_TZ else "''"
    if connection.vendor == "postgresql":
        moment = "({} AT TIME ZONE 'UTC')" if settings.USE_TZ else "{}"
        seconds = f"TO_CHAR({moment}, 'YYYY-MM-DD\"T\"HH24:MI:SS')"
        part = f"CASE TO_CHAR({moment}, 'US') WHEN '000000' THEN ''"
        return f"({seconds} || {part} ELSE TO_CHAR({moment}, '.US') END || {zone})"
    if settings.USE_TZ and connection.timezone is not UTC:
        return ""
    if connection.vendor == "mysql":
        seconds = "DATE_FORMAT({}, '%%Y-%%m-%%dT%%H:%%i:%%s')"
        return f"CONCAT({seconds}, IF(MICROSECOND({{}}), DATE_FORMAT({{}}, '.%%f'), ''), {zone})"
    return f"(REPLACE({{}}, ' ', 'T') || {zone})"


#: What writes the values of which fields; the first that fits.
WRITERS: tuple[tuple[Any, Callable[[Any, Any], str]], ...] = (
    (models.IntegerField, _number),
    (models.UUIDField, _uuid),
    (models.DateTimeField, _moment),
    (models.DateField, _date),
    (models.DecimalField, _decimal),
    (models.GenericIPAddressField, _address),
    (models.CharField | models.TextField, _words),
)
