"""
Fields for objects: cleaned, the key of one.
"""

import json
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import models, router
from django.urls import NoReverseMatch, reverse
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


@dataclass(frozen=True)
class Searches:
    """The searches of an admin ``site``, for the user of ``request`` or, without one, for all."""

    site: Any
    request: Any = None

    def url_of(self, model: type[models.Model]) -> str | None:
        """Return where objects of ``model`` are looked for; ``None``: the user cannot."""
        if not self.site.is_registered(model):
            return None
        model_admin = self.site.get_model_admin(model)
        if not model_admin.search_fields:
            return None
        # The name of what was chosen is shown, too.
        if self.request is not None and not model_admin.has_view_permission(self.request):
            return None
        try:
            return reverse("admin:boogie_tasks_objects", current_app=self.site.name)
        except NoReverseMatch:  # the site has no pages of ours
            return None


def field_for(model: type[models.Model], searches: Searches | None, **options: Any) -> forms.Field:
    """Return a field for objects of ``model``: with a search where there is one."""
    url = None if searches is None else searches.url_of(model)
    if searches is None or url is None:
        return KeyField(model, **options)
    widget = _search(model, searches.site, url)
    return ChosenField(model._default_manager.all(), widget=widget, **options)


def _search(model: type[models.Model], site: Any, url: str) -> forms.Select:
    from django.contrib.admin.widgets import AutocompleteSelect

    class Search(AutocompleteSelect):
        def get_url(self) -> str:
            return url

    # An argument is no field of a model; of one the widget reads this much.
    argument: Any = SimpleNamespace(
        model=model, name=model._meta.pk.name, remote_field=SimpleNamespace(model=model)
    )
    return Search(argument, site)
