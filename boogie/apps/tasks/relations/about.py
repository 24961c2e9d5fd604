"""
Which rows are about the objects of a query: conditions of its SQL.

One object is one history here, too: rows count whichever class of its family they were made with.
"""

from typing import Any

from django.db import NotSupportedError, models, router
from django.db.models.base import ModelState
from django.db.models.lookups import Exact

from boogie.apps.tasks.db.reading.keys import KeyText
from boogie.apps.tasks.serialization import kinship

Model = type[models.Model]


class OfModel(models.Func):
    """Whether a row is about an object of a model's family, out of the database that is asked."""

    conditional = True
    output_field = models.BooleanField()

    def __init__(self, model: Model, content_type: Any, object_db: Any) -> None:
        super().__init__(content_type, object_db)
        self.model = model

    def as_sql(self, compiler: Any, connection: Any, *args: Any, **extra: Any) -> Any:
        from boogie.apps.tasks.models import families

        _refuse_elsewhere(self.model, connection.alias)
        (kind, own), (place, others) = map(compiler.compile, self.get_source_expressions())
        types = families.types(kinship.family(self.model), connection.alias)
        keys = sorted(one.pk for one in types)
        marks = ", ".join(["%s"] * len(keys))
        text = f"{kind} IN ({marks}) AND {place} = %s"
        return text, [*own, *keys, *others, written_to(self.model, connection.alias)]


def of_key(object_id: Any, key: Any) -> Exact:
    """Return the condition that a row has the ``key`` of an object, by the index of rows."""
    return Exact(object_id, KeyText(key))


def written_to(model: Model, using: str) -> str:
    """Return which database rows name as that of the objects that are read from ``using``."""
    like_them = model.__new__(model)
    like_them._state = ModelState()
    like_them._state.db = using
    return router.db_for_write(model, instance=like_them)


def _refuse_elsewhere(model: Model, using: str) -> None:
    """Raise ``NotSupportedError`` if the rows are not in the database that is asked."""
    from boogie.apps.tasks.models import Task
    from boogie.apps.tasks.models.stored import primary

    rows = primary(Task)
    # What is written to where it is read from is no replica, in which the rows were, too.
    is_elsewhere = using != rows and written_to(model, using) == using
    if is_elsewhere or not router.allow_migrate_model(using, Task):
        raise NotSupportedError(
            f"{model._meta.label} is read from {using!r}, and rows of tasks are in {rows!r}: no "
            f"query joins them. Ask for the rows of each object, with "
            f"Task.objects.for_object(obj); prefetch_related() does so for many."
        )
