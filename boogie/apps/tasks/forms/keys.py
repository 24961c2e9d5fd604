"""
Fields for objects: cleaned, the key of one.
"""

import json
from typing import TYPE_CHECKING, Any

from django import forms
from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import models, router
from django.utils.translation import gettext_lazy as _

from boogie.apps.tasks.serialization import references

#: What a key that is none may raise when it is read.
NO_KEY = (ValidationError, ValueError, TypeError, OverflowError)


class KeyField(forms.CharField):
    """The key of an object, typed; a composite one as a JSON array."""

    default_error_messages = {"missing": _("There is no %(model)s with the key %(key)s.")}

    def __init__(self, model: type[models.Model], **options: Any) -> None:
        super().__init__(**options)
        self._model = model

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if text in self.empty_values:
            return None
        found = self._find(text)
        if found is None:
            model = self._model._meta.verbose_name
            params = {"model": model, "key": text}
            raise ValidationError(self.error_messages["missing"], code="missing", params=params)
        return found

    def _find(self, text: str) -> Any:
        manager = self._model._base_manager.using(router.db_for_read(self._model))
        try:
            key = references.key_value(self._model, text)
            return manager.filter(pk=key).values_list("pk", flat=True).first()
        except NO_KEY:
            return None

    def prepare_value(self, value: Any) -> Any:
        if value is None or isinstance(value, str):
            return value
        if isinstance(value, list | tuple):
            return json.dumps([str(part) for part in value])
        return str(value)


if TYPE_CHECKING:
    ModelChoiceField = forms.ModelChoiceField[models.Model]
else:
    ModelChoiceField = forms.ModelChoiceField


class ChosenField(ModelChoiceField):
    """An object that is looked for by typing some of it."""

    def clean(self, value: Any) -> Any:
        found = super().clean(value)
        return None if found is None else found.pk


def field_for(model: type[models.Model], site: Any, **options: Any) -> forms.Field:
    """Return a field for objects of ``model``: with a search where the admin ``site`` has one."""
    source = _relation_to(model) if site is not None and _is_searched(model, site) else None
    if source is None:
        return KeyField(model, **options)
    from django.contrib.admin.widgets import AutocompleteSelect

    widget = AutocompleteSelect(source, site)
    return ChosenField(model._default_manager.all(), widget=widget, **options)


def _is_searched(model: type[models.Model], site: Any) -> bool:
    return site.is_registered(model) and bool(site.get_model_admin(model).search_fields)


def _relation_to(model: type[models.Model]) -> Any:
    """
    Return a field that leads to ``model`` by its primary key, from wherever there is one.

    The admin's search asks on behalf of such a field, and of no other.
    """
    for source in apps.get_models():
        for field in source._meta.get_fields():
            if _leads_to(field, model):
                return field
    return None


def _leads_to(field: Any, model: type[models.Model]) -> bool:
    if not (field.concrete and field.is_relation and field.related_model is model):
        return False
    by = getattr(field.remote_field, "field_name", None)
    return not field.get_limit_choices_to() and by in (None, model._meta.pk.name)
