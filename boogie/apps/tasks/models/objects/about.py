"""
What one row is about.
"""

from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from django.db import models, router

from boogie.apps.tasks.db import compiled
from boogie.apps.tasks.db.reading.instances import There
from boogie.apps.tasks.models import families
from boogie.apps.tasks.serialization import references

#: The columns that say which object it is.
REFERENCE = frozenset({"backend", "content_type_id", "object_id", "object_db"})

#: An object that was read with its row, behind what the row was about then.
Kept = tuple[tuple[Any, ...], models.Model | None]


class AboutObject(models.Model):
    """A row that is about an object, or about none."""

    name: Any
    backend: Any
    content_type: Any
    content_type_id: Any
    object_id: Any
    object_db: Any

    class Meta:
        abstract = True

    def get_object(self) -> models.Model:
        """
        Read the object from the database that it came from, hidden ones included.

        Raise ``ObjectDoesNotExist`` if it, or its model, is gone, or there never was one.
        """
        model, key = self.object_place()
        obj: models.Model = compiled.get(model._base_manager, self.object_db, key)
        return obj

    @property
    def object(self) -> models.Model | None:
        """
        The object as it is stored now, one query each time; ``None`` if there is none.

        Of rows from ``with_objects()`` as it was when they were read, without a query.
        """
        kept: Kept | None = vars(self).get("_object")
        if kept is not None and kept[0] == self._reference():
            return kept[1]
        try:
            return self.get_object()
        except ObjectDoesNotExist:
            return None

    @object.setter
    def object(self, obj: models.Model | None) -> None:
        obj = references.check_object("Task.object", obj)
        self.content_type = families.type_for(type(obj), self._state.db)
        self.object_id = references.checked_key("Task.object", obj)
        self.object_db = router.db_for_write(type(obj), instance=obj)

    def refresh_from_db(self, using: Any = None, fields: Any = None, *args: Any, **kw: Any) -> None:
        """As Django's; an object that was read with the row is forgotten."""
        super().refresh_from_db(using, fields, *args, **kw)
        if fields is None:  # else it is a deferred field that is asked for
            vars(self).pop("_object", None)
            vars(self).pop("_instances", None)

    def object_place(self) -> tuple[type[models.Model], Any]:
        """Return the model and the key of the object; ``ObjectDoesNotExist`` if there is none."""
        if self.backend:
            raise ObjectDoesNotExist(f"{self.name} is a function of Django Tasks, about no object")
        row: Any = self
        kind = families.type_of(row)
        model: type[models.Model] | None = kind.model_class()
        if model is None:
            raise ObjectDoesNotExist(f"the model {kind} is not installed")
        return model, references.key_value(model, self.object_id)

    def keep_object(self, obj: models.Model | None) -> None:
        """Have ``object`` answer with ``obj``, as long as the row is about the same."""
        vars(self)["_object"] = (self._reference(), obj)

    @property
    def kept_instances(self) -> There | None:
        """The instances that its arguments refer to, if they were read with the row."""
        return vars(self).get("_instances")

    def keep_instances(self, there: There) -> None:
        """Have ``get_arguments()`` answer with these."""
        vars(self)["_instances"] = there

    def _reference(self) -> tuple[Any, ...]:
        return (self.backend, self.content_type_id, self.object_id, self.object_db)
