"""
By which index rows are read, where the planner of MariaDB or MySQL is not to choose.
"""

from typing import Any, TypeVar

from django.db import connections, models
from django.db.models.sql.datastructures import BaseTable

S = TypeVar("S", bound=models.QuerySet[Any])


class ByIndex(BaseTable):
    """A table in a FROM clause that is read by one index."""

    index = ""

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        """Return the table, and behind it the index."""
        text, params = super().as_sql(compiler, connection)
        return f"{text} FORCE INDEX ({connection.ops.quote_name(self.index)})", params

    def relabeled_clone(self, change_map: dict[str | None, str]) -> Any:
        """Return the same under another name."""
        clone: Any = super().relabeled_clone(change_map)
        clone.index = self.index
        return clone


def by_index(rows: S, name: str) -> S:
    """Return the same ``rows``, read by the index ``name`` where hints are heard."""
    if connections[rows.db].vendor != "mysql":
        return rows
    found: Any = rows.all()
    alias = found.query.get_initial_alias()
    table = ByIndex(found.query.alias_map[alias].table_name, alias)
    table.index = name
    found.query.alias_map[alias] = table
    return found  # type: ignore[no-any-return]
