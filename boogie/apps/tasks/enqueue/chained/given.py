"""
What ``after`` may be: a row, rows, or a queryset of rows.
"""

from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet

from boogie.apps.tasks.db.connections import written_to
from boogie.apps.tasks.lifecycle import states
from boogie.apps.tasks.models import Task
from boogie.apps.tasks.models.stored import primary


class Needs:
    """The rows after which new rows of the task ``name`` start; a queryset is read each time."""

    def __init__(self, name: str, after: Any) -> None:
        self.name = name
        self._rows: list[Task] = []
        self._set: QuerySet[Task] | None = None
        if isinstance(after, QuerySet):
            self._set = self._checked_set(after)
        else:
            self._rows = self._checked_rows(after)

    def keys(self) -> list[tuple[Any, bool]]:
        """Return the keys in the order given, each with whether its row is known to be finished."""
        if self._set is None:
            return [(row.pk, row.is_finished) for row in self._rows]
        rows: Any = self._set.using(primary(Task))
        if not rows.ordered and not rows.query.is_sliced:
            rows = rows.order_by("created", "pk")
        return [(pk, status == states.FINISHED) for pk, status in rows.values_list("pk", "status")]

    def _checked_set(self, rows: "QuerySet[Any]") -> "QuerySet[Task]":
        if rows.model is not Task:
            raise TypeError(
                f"{self.name}: after must be rows, and this queryset is of "
                f"{rows.model._meta.label}. Its tasks are Task.objects.for_object(obj)."
            )
        if rows._db is not None:  # type: ignore[attr-defined]
            probe = Task()
            probe._state.db = rows._db  # type: ignore[attr-defined]
            self._check_database(probe)
        return rows

    def _checked_rows(self, after: Any) -> list[Task]:
        if isinstance(after, Task):
            found = [after]
        elif isinstance(after, Iterable) and not isinstance(after, str | bytes | dict):
            found = list(after)
        else:
            raise TypeError(self._words(after))
        for row in found:
            if not isinstance(row, Task):
                raise TypeError(self._words(row))
            if row._state.adding:
                raise ValueError(
                    f"{self.name}: after has a row of {row.name or 'no task'} that is not stored: "
                    f"nothing could tell when it has finished. Make it by its task."
                )
            self._check_database(row)
        return found

    def _words(self, what: Any) -> str:
        return (
            f"{self.name}: after must be a row, rows, or a queryset of rows, not {what!r:.80} of "
            f"type {type(what).__qualname__}."
        )

    def _check_database(self, row: Task) -> None:
        using, mine = written_to(row), primary(Task)
        if using != mine:
            raise ValueError(
                f"{self.name}: after must be rows of the database {mine!r}, in which the new row "
                f"is made; these are in {using!r}, where nothing could wake it."
            )
