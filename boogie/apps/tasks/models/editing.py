"""
What forms and serializers may do: they make rows that make sense, and edit none. A stored row is
moved by verbs, and else is as it was made.
"""

from collections.abc import Collection
from operator import attrgetter
from types import MethodType
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ValidationError
from django.db import connections, models
from django.utils.translation import gettext_lazy as _

from boogie.apps.tasks.serialization import references

MESSAGE = _("A stored row is not edited. Make another one, and cancel this.")


def refuse_edits(model: type[models.Model]) -> None:
    """Have forms make rows of ``model``, and change none: what differs is an error of its field."""
    field: Any
    for field in model._meta.concrete_fields:
        if field.editable:
            field.save_form_data = MethodType(_save_form_data, field)
            field.validators.append(_Unchanged())


def _save_form_data(field: Any, instance: models.Model, data: Any) -> None:
    before = None if instance._state.adding else field.value_from_object(instance)
    type(field).save_form_data(field, instance, data)
    if instance._state.adding:
        return
    given = field.value_from_object(instance)
    setattr(instance, field.attname, before)
    if given != before:
        raise ValidationError({field.name: _refusal()})


class _Unchanged:
    """The same for Django REST framework, whose serializers take the validators of fields."""

    requires_context = True

    def __call__(self, value: Any, field: Any = None) -> None:
        """``field`` is the serializer's; a model that validates itself gives none."""
        stored = getattr(getattr(field, "parent", None), "instance", None)
        if isinstance(stored, models.Model) and attrgetter(field.source)(stored) != value:
            raise _refusal()


def _refusal() -> ValidationError:
    return ValidationError(MESSAGE, code="stored")


#: Fields of which rows without an object have other values: a constraint says which.
ABOUT_OBJECTS = ("content_type", "object_id", "object_db", "priority")


class Validated(models.Model):
    """What is checked of a row before it is stored."""

    backend: Any
    content_type_id: Any
    object_id: Any
    object_db: Any

    class Meta:
        abstract = True

    def clean_fields(self, exclude: Collection[str] | None = None) -> None:
        """As Django's; also whether there is a database ``object_db``."""
        exclude = {*(exclude or ()), *(ABOUT_OBJECTS if self.backend else ())}
        super().clean_fields(exclude=exclude)
        if "object_db" not in exclude and self.object_db not in connections:
            message = _("DATABASES has no %(value)r.")
            params = {"value": self.object_db}
            raise ValidationError({"object_db": ValidationError(message, "invalid", params)})

    def clean(self) -> None:
        """Check that ``object_id`` could be a key of the object's model."""
        if self.content_type_id is None:
            return
        kinds = ContentType.objects.db_manager(self._state.db)
        kind = kinds.filter(pk=self.content_type_id).first()
        if kind and (model := kind.model_class()):
            references.key_value(model, self.object_id)
