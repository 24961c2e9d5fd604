"""
Counting up to a cap: what people are told of large sets, at the price of a small one.
"""

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connections
from django.db.models import QuerySet
from django.utils.formats import number_format


class Count(int):
    """A number of rows; as text with a plus if there may be more."""

    def __new__(cls, counted: int, cap: int) -> "Count":
        found = super().__new__(cls, min(counted, cap))
        found.is_capped = counted > cap
        return found

    is_capped: bool

    def __str__(self) -> str:
        number = number_format(int(self), force_grouping=True)
        return f"{number}+" if self.is_capped else number


def capped(querysets: Sequence[QuerySet[Any]], cap: int) -> list[Count]:
    """Count each of ``querysets``, all of one database, up to ``cap``; in one statement."""
    parts: list[str] = []
    params: list[Any] = []
    for queryset in querysets:
        sql, its_params = _limited(queryset, cap + 1)
        parts.append(sql)
        params.extend(its_params)
    connection = connections[querysets[0].db]
    with connection.cursor() as cursor:
        cursor.execute("SELECT " + ", ".join(parts), params)
        return [Count(number, cap) for number in cursor.fetchone()]


def _limited(queryset: QuerySet[Any], limit: int) -> tuple[str, tuple[Any, ...]]:
    rows = queryset.order_by().values_list("pk")[:limit]
    try:
        sql, params = rows.query.get_compiler(using=queryset.db).as_sql()
    except EmptyResultSet:
        return "0", ()
    return f"(SELECT COUNT(*) FROM ({sql}) counted)", params
