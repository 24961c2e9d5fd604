"""
What all our tables have in common: where they are written, and times in local time.
"""

from typing import Any, Self, TypeVar

from django.db import models, router

from boogie.apps.tasks.db.moments import in_local_time

R = TypeVar("R", bound=models.Model)


def primary(model: type[models.Model]) -> str:
    """Return the alias of the database in which rows of ``model`` are written."""
    return router.db_for_write(model)


class StoredQuerySet(models.QuerySet[R]):
    """What is stored in a table of ours."""

    def on_primary(self) -> Self:
        """The same, in the database that is written to: what decides reads nowhere else."""
        return self.using(primary(self.model))

    def to_write(self) -> Self:
        """The same, where Django would update it: with ``using()`` there, else on the primary."""
        return self if self._db else self.on_primary()  # type: ignore[attr-defined]

    def delete_now(self) -> int:
        """
        Delete them in one statement, of a table that nothing refers to; return how many.

        Django's ``delete()`` makes a transaction of it, which takes three.
        """
        rows: Any = self.order_by()
        return int(rows._raw_delete(self.db) or 0)

    # As Django's; ``TruncDay("created")`` and its like are in local time, as always.

    def annotate(self, *args: Any, **kwargs: Any) -> Self:
        return super().annotate(*map(in_local_time, args), **_in_local_time(kwargs))

    def alias(self, *args: Any, **kwargs: Any) -> Self:
        return super().alias(*map(in_local_time, args), **_in_local_time(kwargs))

    def aggregate(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        return super().aggregate(*map(in_local_time, args), **_in_local_time(kwargs))

    def order_by(self, *names: Any) -> Self:
        return super().order_by(*map(in_local_time, names))


def _in_local_time(expressions: dict[str, Any]) -> dict[str, Any]:
    return {name: in_local_time(expression) for name, expression in expressions.items()}
