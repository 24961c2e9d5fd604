"""
``exists()`` and ``latest()`` of a task: what its rows say of each object of a query.

Made when they are asked for, and put together only in a query: so they may stand in modules that
are imported before the models of rows.
"""

from collections.abc import Sequence
from typing import Any

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db.models import Exists, Expression, F, Model, OuterRef, QuerySet, Subquery

from boogie.apps.tasks.lifecycle import states

from . import about


class OfRows(Expression):
    """Something of the rows of a task about an object; of which model the query says."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def resolve_expression(self, query: Any = None, *args: Any, **options: Any) -> Any:
        """Become the expression of Django for the model of ``query``."""
        if query is None or query.model is None:
            raise TypeError(f"{self!r} is for the querysets of a model.")
        return self.made(self._rows(query.model)).resolve_expression(query, *args, **options)

    def made(self, rows: QuerySet[Any]) -> Any:
        """Return the expression of Django about ``rows``, those of an object around it."""
        raise NotImplementedError

    def _rows(self, model: type[Model]) -> QuerySet[Any]:
        from boogie.apps.tasks.models import Task

        rows = Task.objects.named(self.name).order_by()
        return rows.filter(
            about.OfModel(model, F("content_type"), F("object_db")),
            about.of_key(F("object_id"), OuterRef("pk")),
        )


class RowExists(OfRows):
    """Whether there is a row of a task about an object; see ``exists()`` of tasks."""

    conditional = True

    def __init__(self, name: str, statuses: Sequence[str]) -> None:
        super().__init__(name)
        self.statuses = statuses
        known = [str(status) for status, _label in states.STATUS]
        if unknown := [one for one in statuses if one not in known]:
            raise ValueError(
                f"{name}: exists() takes statuses, which are {', '.join(known)}; not "
                f"{', '.join(map(repr, unknown))}."
            )

    def __repr__(self) -> str:
        return f"{self.name}.exists({', '.join(map(repr, self.statuses))})"

    def made(self, rows: QuerySet[Any]) -> Exists:
        return Exists(rows.filter(status__in=self.statuses) if self.statuses else rows)


class LatestOfRow(OfRows):
    """A field of the row of a task about an object that was created last; see ``latest()``."""

    def __init__(self, name: str, field: str) -> None:
        super().__init__(name)
        self.column = field
        if apps.models_ready:
            self._check()

    def __repr__(self) -> str:
        return f"{self.name}.latest({self.column!r})"

    def made(self, rows: QuerySet[Any]) -> Subquery:
        self._check()
        return Subquery(rows.order_by("-created", "-pk").values(self.column)[:1])

    def _check(self) -> None:
        """Raise ``ValueError`` if rows have no such column."""
        from boogie.apps.tasks.models import Task

        opts, field = Task._meta, self.column
        try:
            is_column = isinstance(field, str) and (
                field == "pk" or opts.get_field(field) in opts.concrete_fields
            )
        except FieldDoesNotExist:
            is_column = False
        if not is_column:
            known = ", ".join(sorted(one.attname for one in opts.concrete_fields))
            raise ValueError(
                f"{self.name}: latest() takes a field of rows, one of {known}; not {field!r:.80}."
            )
