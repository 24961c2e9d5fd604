"""
Which objects a task takes: of the models that its annotation, or its option ``model``, names.

No model is imported when this is.
"""

from typing import Any

from django.apps import apps
from django.db import models

from boogie.apps.tasks.declaration.fitting import says

from . import words

Models = tuple[type[models.Model], ...]


class Checked:
    """The part of a task that refuses objects of other models than it is about."""

    name: Any
    model: Any

    #: The models that it is about; none: any. ``None``: nobody has asked yet.
    _accepted: Models | None = None

    @property
    def accepted_models(self) -> Models:
        """The models that it says it is about, and takes nothing else than; none: any."""
        found = self._accepted
        if found is None:
            found = _models(self)
            if apps.models_ready and (found or not isinstance(self.model, str)):
                self._accepted = found
        return found

    def check_object(self, obj: models.Model) -> None:
        """Raise the ``TypeError`` that says what fits if it is not about objects like ``obj``."""
        accepted = self._accepted
        if accepted is None:
            accepted = self.accepted_models
        if accepted and not isinstance(obj, accepted) and not self.accepts(type(obj)):
            raise TypeError(words.of_object(self.name, accepted, _today(type(obj)), obj.pk))

    def check_model(self, model: type[models.Model]) -> None:
        """Raise the same if it is not about the objects of a queryset of ``model``."""
        if not self.accepts(model):
            raise TypeError(words.of_queryset(self.name, self.accepted_models, _today(model)))

    def accepts(self, model: type[models.Model]) -> bool:
        """Return whether it takes objects of ``model``; of a migration's as of today's."""
        accepted = self.accepted_models
        return not accepted or issubclass(model, accepted) or issubclass(_today(model), accepted)


def _models(task: Any) -> Models:
    """Return the models that ``task`` names; none if it names anything else besides ``None``."""
    found = [one for one in says(task) if one is not type(None)]
    return tuple(found) if all(_is_model(one) for one in found) else ()


def _is_model(one: Any) -> bool:
    """Return whether ``one`` is a model with a table, which objects are of or are not."""
    is_model = isinstance(one, type) and issubclass(one, models.Model) and one is not models.Model
    return is_model and not one._meta.abstract


def _today(model: type[models.Model]) -> type[models.Model]:
    try:
        return apps.get_model(model._meta.label_lower)
    except LookupError:
        return model
