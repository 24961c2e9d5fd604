"""
Rows in groups, read from an index: which groups there are, and something of each.

What it costs depends on how many groups there are, and not on how many rows.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.db import connections, models
from django.db.models.expressions import RawSQL

from boogie.apps.tasks.db.compiled import Slot

Rows = models.QuerySet[Any]
Group = tuple[Any, ...]

#: The place in an index that was found last.
LAST = "last_place"
#: Groups that one statement asks for: SQLite joins no more than 500 parts.
AT_ONCE = 400


def has_partial_indexes(rows: Rows) -> bool:
    """Return whether an index can be of some rows alone: of those that make groups."""
    return bool(connections[rows.db].features.supports_partial_indexes)


def distinct(
    rows: Rows, by: Sequence[str], limit: int, after: Group = (), whole: Rows | None = None
) -> list[Group]:
    """
    Return the first ``limit`` groups of ``rows`` behind ``after``, in order, in one statement.

    ``by`` names the columns that make a group, those that an index begins with ("-": downwards,
    where indexes are partial). From each group the index is asked for the next.

    Without partial indexes the groups are those of ``whole``, the table if it is not given, and
    some may have none of ``rows``. There the database goes from group to group by itself.
    """
    names = [name.removeprefix("-") for name in by]
    places = dict(zip(names, after, strict=False))
    if not has_partial_indexes(rows):
        everything = rows.model._base_manager.using(rows.db) if whole is None else whole
        behind = everything.filter(_behind(names, places)) if after else everything
        return list(behind.order_by(*by).values_list(*names).distinct()[:limit])
    indexed = rows.values_list("pk")
    firsts = _next_groups(indexed, by, places) if after else [indexed.order_by(*by)[:1]]
    first, first_params = _either(firsts)
    last = {name: _last(rows, name) for name in names}
    following, params = _either(_next_groups(indexed, by, last))
    table, pk = _quoted(rows, rows.model._meta.db_table), _quoted(rows, rows.model._meta.pk.column)
    place = f"{table} {LAST} WHERE {LAST}.{pk} = places.pk"
    # Each by itself: a join might read the whole table while that seems small.
    found = ", ".join(f"(SELECT {each.sql} FROM {place})" for each in last.values())
    statement = (
        f"WITH RECURSIVE places (pk, number) AS (SELECT {first}, 1 UNION ALL"
        f" SELECT {following}, number + 1 FROM places"
        f" JOIN {table} {LAST} ON {LAST}.{pk} = places.pk WHERE number < {limit:d})"
        f" SELECT {found} FROM places WHERE pk IS NOT NULL ORDER BY number"
    )
    with connections[rows.db].cursor() as cursor:
        cursor.execute(statement, [*first_params, *params])
        return [tuple(each) for each in cursor.fetchall()]


def summaries(
    rows: Rows, by: Sequence[str], groups: Sequence[Group], cap: int, **columns: tuple[str, Any]
) -> list[dict[str, Any]]:
    """
    Return for each group ``count`` and ``columns`` of its first ``cap`` rows, in their order.

    A column is the name of an SQL function and the expression that it takes of each row.
    """
    inner = rows.annotate(**{f"of_{name}": of for name, (_function, of) in columns.items()})
    counted = inner.values_list(*(f"of_{name}" for name in columns))
    outer = ", ".join(
        ["COUNT(*)", *(f"{function}(of_{name})" for name, (function, _of) in columns.items())]
    )
    readers = [_reader(inner, of) for _function, of in columns.values()]
    found: list[dict[str, Any]] = [{} for _ in groups]
    for place, count, *values in _of_each(counted, by, groups, cap, outer):
        read = (reader(value) for reader, value in zip(readers, values, strict=True))
        found[place] = {"count": int(count), **dict(zip(columns, read, strict=True))}
    return found


def firsts(rows: Rows, by: Sequence[str], groups: Sequence[Group]) -> list[Any]:
    """Return for each group the key of its first row, in their order; ``None`` if it has none."""
    found: list[Any] = [None] * len(groups)
    for place, pk in _keys_of_each(rows, by, groups, 1):
        found[place] = pk
    return found


def keys(rows: Rows, by: Sequence[str], groups: Sequence[Group], limit: int) -> list[Any]:
    """Return the keys of the first ``limit`` rows of each group, in one statement."""
    return [pk for _place, pk in _keys_of_each(rows, by, groups, limit)]


# --- one group after the other --------------------------------------------------------


def _next_groups(indexed: Rows, by: Sequence[str], places: Mapping[str, Any]) -> list[Rows]:
    """Return what comes behind a group, the nearest first: another value of one column."""
    found = []
    for number in reversed(range(len(by))):
        name = by[number].removeprefix("-")
        side = "lt" if by[number].startswith("-") else "gt"
        same = {each: places[each] for each in (one.removeprefix("-") for one in by[:number])}
        beyond = indexed.filter(**same, **{f"{name}__{side}": places[name]})
        _say_first(beyond, len(indexed.query.where.children))
        found.append(beyond.order_by(*by[number:])[:1])
    return found


def _say_first(rows: Rows, number: int) -> None:
    """Move conditions before the ``number`` first: SQLite seeks by the first bound of a column."""
    where = rows.query.where
    where.children = [*where.children[number:], *where.children[:number]]


def _behind(names: Sequence[str], places: Mapping[str, Any]) -> models.Q:
    """Return the condition of all groups behind one."""
    found = models.Q()
    for number in reversed(range(len(names))):
        same = models.Q(**{name: places[name] for name in names[:number]})
        beyond = models.Q(**{f"{names[number]}__gt": places[names[number]]})
        found |= same & beyond
    return found & models.Q(**{f"{names[0]}__gte": places[names[0]]})


def _either(sets: Sequence[Rows]) -> tuple[str, list[Any]]:
    """Return SQL for the one value of the first of some querysets that has any."""
    parts = [_compiled(each) for each in sets]
    text = ", ".join(f"({part})" for part, _params in parts)
    return f"COALESCE({text}, NULL)", [value for _part, params in parts for value in params]


# --- all groups at once ---------------------------------------------------------------


def _keys_of_each(
    rows: Rows, by: Sequence[str], groups: Sequence[Group], limit: int
) -> Iterator[tuple[int, Any]]:
    """Yield the place of a group with the key of each of its first rows."""
    key = rows.model._meta.pk
    named = rows.annotate(found=models.F("pk")).values_list("found")
    for place, pk in _of_each(named, by, groups, limit, "found"):
        yield place, key.to_python(pk)


def _of_each(
    rows: Rows, by: Sequence[str], groups: Sequence[Group], cap: int, outer: str
) -> Iterator[tuple[Any, ...]]:
    """Yield the place of each group, and what ``outer`` selects of its first ``cap`` rows."""
    connection = connections[rows.db]
    fields = [rows.model._meta.get_field(name.removeprefix("-")) for name in by]
    values = [
        [
            field.get_db_prep_value(value, connection)
            for field, value in zip(fields, group, strict=True)
        ]
        for group in groups
    ]
    for start in range(0, len(groups), AT_ONCE):
        text, params = _union(rows, fields, values[start : start + AT_ONCE], cap, outer)
        with connection.cursor() as cursor:
            cursor.execute(text, params)
            for place, *found in cursor.fetchall():
                yield (start + place, *found)


def _union(
    rows: Rows, fields: Sequence[Any], groups: Sequence[Any], cap: int, outer: str
) -> tuple[str, list[Any]]:
    """
    Return SQL with a part for each group; compiled once.

    Each group is planned by itself: a large one is to be read in the order of the index, and no
    further than the cap. One plan for all of them would collect and sort it.
    """
    slots = [Slot(field.name, field) for field in fields]
    text, params = _compiled(rows.filter(**{slot.name: slot for slot in slots})[:cap])
    parts: list[str] = []
    given: list[Any] = []
    for place, group in enumerate(groups):
        own = dict(zip((slot.name for slot in slots), group, strict=True))
        parts.append(f"SELECT {place}, {outer} FROM ({text}) found_{place}")
        given += [own[each.name] if isinstance(each, Slot) else each for each in params]
    return " UNION ALL ".join(parts), given


def _reader(rows: Rows, expression: Any) -> Any:
    """Return what makes a value of Python of one of the database, as the ORM does."""
    connection = connections[rows.db]
    resolved = expression.resolve_expression(rows.query)
    converters = [
        *connection.ops.get_db_converters(resolved),
        *resolved.get_db_converters(connection),
    ]

    def read(value: Any) -> Any:
        for convert in converters:
            value = convert(value, resolved, connection)
        return value

    return read


def _last(rows: Rows, name: str) -> RawSQL:
    return RawSQL(f"{LAST}.{_quoted(rows, rows.model._meta.get_field(name).column)}", ())


def _quoted(rows: Rows, name: str) -> str:
    return str(connections[rows.db].ops.quote_name(name))


def _compiled(rows: Rows) -> tuple[str, Sequence[Any]]:
    text, params = rows.query.get_compiler(connection=connections[rows.db]).as_sql()
    return text, params
