"""
Counting up to a cap: what people are told of large sets, at the price of a small one.
"""

from collections.abc import Sequence
from functools import total_ordering
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connections
from django.db.models import QuerySet
from django.utils.formats import number_format


@total_ordering
class Count:
    """
    A number of rows; as text with a plus if there may be more.

    No ``int``: Django would write it as one, in templates, and lose the plus.
    """

    def __init__(self, counted: int, cap: int) -> None:
        self.number = min(counted, cap)
        self.is_capped = counted > cap

    def __int__(self) -> int:
        return self.number

    def __bool__(self) -> bool:
        return self.number > 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, int | Count) and self.number == int(other)

    def __lt__(self, other: "int | Count") -> bool:
        return self.number < int(other)

    def __hash__(self) -> int:
        return hash(self.number)

    def __str__(self) -> str:
        return number_format(self.number, force_grouping=True) + ("+" if self.is_capped else "")

    def __repr__(self) -> str:
        return f"<Count {self}>"

    def and_more(self, number: int) -> "Count":
        """Return the count with ``number`` more, which are known."""
        found = self.number + number
        return Count(found + self.is_capped, found)


def capped(querysets: Sequence[QuerySet[Any]], cap: int, in_order: bool = False) -> list[Count]:
    """
    Count each of ``querysets``, all of one database, up to ``cap``; in one statement.

    ``in_order``: an index has them in their order, and is read no further.
    """
    parts: list[str] = []
    params: list[Any] = []
    for queryset in querysets:
        sql, its_params = _limited(queryset if in_order else queryset.order_by(), cap + 1)
        parts.append(sql)
        params.extend(its_params)
    connection = connections[querysets[0].db]
    with connection.cursor() as cursor:
        cursor.execute("SELECT " + ", ".join(parts), params)
        return [Count(number, cap) for number in cursor.fetchone()]


def _limited(queryset: QuerySet[Any], limit: int) -> tuple[str, tuple[Any, ...]]:
    rows = queryset.values_list("pk")[:limit]
    try:
        sql, params = rows.query.get_compiler(using=queryset.db).as_sql()
    except EmptyResultSet:
        return "0", ()
    return f"(SELECT COUNT(*) FROM ({sql}) counted)", params
