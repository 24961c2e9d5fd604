"""
What keeps forms from editing rows: a stored row is moved by verbs, and else is as it was made.
"""

from types import MethodType
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

MESSAGE = _("A stored row is not edited. Make another one, and cancel this.")


def refuse_edits(model: type[models.Model]) -> None:
    """Have forms make rows of ``model``, and change none: what differs is an error of its field."""
    field: Any
    for field in model._meta.concrete_fields:
        if field.editable:
            field.save_form_data = MethodType(_save_form_data, field)


def _save_form_data(field: Any, instance: models.Model, data: Any) -> None:
    before = None if instance._state.adding else field.value_from_object(instance)
    type(field).save_form_data(field, instance, data)
    if instance._state.adding:
        return
    given = field.value_from_object(instance)
    setattr(instance, field.attname, before)
    if given != before:
        raise ValidationError({field.name: ValidationError(MESSAGE, code="stored")})
