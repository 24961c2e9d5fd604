"""
Of which table what waits longest is: several tables in one order.
"""

from dataclasses import dataclass
from typing import Any

from django.db import connections, models

from . import compiled


@dataclass(frozen=True)
class Turns:
    """
    What comes first of several models; equal ones are one statement, compiled once.

    ``kinds``: models whose managers have ``ready_in(queues, since)``, by priority first, and the
    field that says since when a row of each is ready. ``limit``: how many are looked at.
    ``since``: for so many seconds they have to have been ready.
    """

    kinds: tuple[tuple[type[models.Model], str], ...]
    queues: tuple[str, ...]
    limit: int
    since: float = 0.0

    def find(self, using: str) -> list[Any]:
        """Return the models of the first rows, in the order in which these are to be taken."""
        statement = compiled.cached(using, self, self._compile)
        return [self.kinds[kind][0] for kind, *_ in statement.all(connections[using], {})]

    def _compile(self, connection: Any) -> compiled.Statement:
        parts: list[str] = []
        params: list[Any] = []
        for number, (model, since) in enumerate(self.kinds):
            manager: Any = model._default_manager.using(connection.alias)
            for queue in self.queues:
                # Each by itself: an index has it in order, and no more of it is read.
                ready = manager.ready_in([queue], self.since)
                first = ready.values_list("priority", since)[: self.limit]
                text, its = first.query.get_compiler(connection=connection).as_sql()
                parts.append(f"SELECT {number}, found.* FROM ({text}) found")
                params.extend(its)
        text = f"{' UNION ALL '.join(parts)} ORDER BY 2 DESC, 3 LIMIT {self.limit}"
        return compiled.Statement(text, params)
