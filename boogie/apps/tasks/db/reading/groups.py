"""
An index read from group to group: what a ``SELECT DISTINCT`` would go through all rows for.
"""

from collections.abc import Sequence
from typing import Any

from django.db import connections, models
from django.db.models.expressions import RawSQL

Rows = models.QuerySet[Any]

#: The place in an index that was found last.
LAST = "last_place"


def first_of_groups(
    rows: Rows, by: Sequence[str], limit: int, never_empty: str = ""
) -> list[Any]:
    """
    Return for each group of ``rows`` the key of the one that is first in their order.

    ``by`` names the columns that make a group, those that an index begins with ("-": downwards).
    The index is asked from one group for the next, in one statement: what it costs depends on
    how many groups there are, and not on how many rows. It ends after ``limit`` groups.

    ``None`` for a group without rows: where an index cannot be of some rows alone, the groups
    are those of the whole table. Those in which the text ``never_empty`` is empty are none of
    ``rows``, and not looked through.
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
    if never_empty and not is_partial:
        statement += f" WHERE {_last(rows, never_empty).sql} > ''"
    step_params = [value for _, params in steps for value in params]
    with connection.cursor() as cursor:
        cursor.execute(statement, [*first_params, *step_params, *found_params])
        return [rows.model._meta.pk.to_python(key) for (key,) in cursor.fetchall()]


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


def _compiled(rows: Rows) -> tuple[str, Sequence[Any]]:
    text, params = rows.query.get_compiler(connection=connections[rows.db]).as_sql()
    return text, params
