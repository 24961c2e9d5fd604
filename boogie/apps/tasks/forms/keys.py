"""
Fields for objects: cleaned, one of those that whoever fills in the form may view.
"""

import json
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.auth import get_permission_codename
from django.core.exceptions import ValidationError
from django.db import models, router
from django.urls import NoReverseMatch, reverse
from django.utils.connection import ConnectionDoesNotExist
from django.utils.translation import gettext_lazy as _

from boogie.apps.tasks.serialization import references
from boogie.apps.tasks.serialization.instances import Reference

#: What a key that is none may raise when it is read.
NO_KEY = (ValidationError, ValueError, TypeError, OverflowError)

MISSING = _("There is no %(model)s with the key %(key)s.")


@dataclass(frozen=True)
class Searches:
    """What is found on an admin ``site`` by the user of ``request`` or, without one, by all."""

    site: Any = None
    request: Any = None
    #: Whether keys are typed, where there is a search as well.
    are_typed: bool = False

    def typed(self) -> "Searches":
        """Return the same, for a field in which keys are typed."""
        return replace(self, are_typed=True)

    def url_of(self, model: type[models.Model]) -> str | None:
        """Return where objects of ``model`` are looked for; ``None``: the user cannot."""
        if self.are_typed or self.site is None or not self.site.is_registered(model):
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

    def objects(self, model: type[models.Model]) -> "models.QuerySet[Any]":
        """Return the objects of ``model`` that the user may view, some by themselves not."""
        everything = model._base_manager.using(router.db_for_read(model))
        if self.request is None:
            return everything
        if (model_admin := self._admin_of(model)) is not None:
            visible: models.QuerySet[Any] = model_admin.get_queryset(self.request)
            return visible if model_admin.has_view_permission(self.request) else visible.none()
        codename = get_permission_codename("view", model._meta)
        may_view = self.request.user.has_perm(f"{model._meta.app_label}.{codename}")
        return everything if may_view else everything.none()

    def find(self, objects: "models.QuerySet[Any]", key: str) -> Any:
        """Return the one of these objects with a key as text, or ``None``."""
        try:
            found = objects.filter(pk=references.key_value(objects.model, key)).first()
        except NO_KEY:
            return None
        return found if found is None or self.may_view(found) else None

    def may_view(self, obj: models.Model) -> bool:
        """Return whether the user may view ``obj``, which is among :meth:`objects`."""
        model_admin = self._admin_of(type(obj))
        if self.request is None or model_admin is None:
            return True
        return bool(model_admin.has_view_permission(self.request, obj))

    def refers_to_one(self, reference: Reference) -> bool:
        """Return whether there is what somebody refers to, and the user may view it."""
        try:
            objects = self.objects(reference.model).using(reference.database)
            return self.find(objects, reference.key) is not None
        except (LookupError, ConnectionDoesNotExist):
            return False

    def _admin_of(self, model: type[models.Model]) -> Any:
        if self.site is None or not self.site.is_registered(model):
            return None
        return self.site.get_model_admin(model)


class KeyField(forms.CharField):
    """The key of an object, typed; a composite one as a JSON array."""

    default_error_messages = {"missing": MISSING}

    def __init__(self, model: type[models.Model], searches: Searches, **options: Any) -> None:
        super().__init__(**options)
        self._model, self._searches = model, searches

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if text in self.empty_values:
            return None
        found = self._searches.find(self._searches.objects(self._model), text)
        if found is None:
            model = self._model._meta.verbose_name
            params = {"model": model, "key": text}
            raise ValidationError(self.error_messages["missing"], code="missing", params=params)
        return found

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, Reference):
            return value.key
        if value is None or isinstance(value, str):
            return value
        if isinstance(value, models.Model):
            return references.object_key(value)
        if isinstance(value, list | tuple):
            return json.dumps([str(part) for part in value])
        return str(value)


if TYPE_CHECKING:
    ModelChoiceField = forms.ModelChoiceField[models.Model]
else:
    ModelChoiceField = forms.ModelChoiceField


class ChosenField(ModelChoiceField):
    """An object that is looked for by typing some of it."""

    def __init__(self, searches: Searches, objects: Any, **options: Any) -> None:
        super().__init__(objects, **options)
        self._searches = searches

    def clean(self, value: Any) -> Any:
        found = super().clean(value)
        if found is not None and not self._searches.may_view(found):
            message = self.error_messages["invalid_choice"]
            raise ValidationError(message, code="invalid_choice", params={"value": value})
        return found

    def prepare_value(self, value: Any) -> Any:
        return super().prepare_value(key_of(value))


def key_of(value: Any) -> Any:
    """Return the key that a reference has, as its model has it; anything else as it is."""
    if not isinstance(value, Reference):
        return value
    try:
        return references.key_value(value.model, value.key)
    except (LookupError, *NO_KEY):
        return value.key


def field_for(model: type[models.Model], searches: Searches, **options: Any) -> forms.Field:
    """Return a field for objects of ``model``: with a search where there is one."""
    url = searches.url_of(model)
    if url is None:
        return KeyField(model, searches, **options)
    widget = _search(model, searches.site, url)
    return ChosenField(searches, searches.objects(model), widget=widget, **options)


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
