"""
Which tasks fit which models, by the annotation of the object or the option ``model``.
"""

from typing import Any

from django.apps import apps
from django.core.exceptions import AppRegistryNotReady
from django.db import models

from boogie.apps.tasks import registry
from boogie.apps.tasks.protocols import Declaration

from .signatures import UNKNOWN, alternatives, parameters

#: What says nothing about an object.
NOTHING = (object, type(None), UNKNOWN)


def says(task: Any) -> list[Any]:
    """Return what ``task`` says of its object: the option, or each type of its annotation."""
    if task.model is not None:
        return [_loaded(task.model)]
    return alternatives(parameters(task)[0].annotation)


def classes(task: Any) -> tuple[type, ...]:
    """Return the classes that the object of ``task`` may be of; none: it does not say."""
    return tuple(one for one in says(task) if isinstance(one, type) and one not in NOTHING)


def _loaded(model: Any) -> Any:
    if not isinstance(model, str):
        return model
    try:
        return apps.get_model(model)
    except (LookupError, AppRegistryNotReady):
        return None


def fits(task: Any, model: type[models.Model]) -> bool:
    """
    Return whether ``task`` says that it is about objects of ``model``.

    A child, a proxy and what inherits from an abstract model are what their parents are.
    """
    return any(_is_a(model, one) for one in classes(task))


def _is_a(model: type, one: type) -> bool:
    try:
        return issubclass(model, one)
    except TypeError:  # a protocol that cannot be asked
        return False


def fitting(model: type[models.Model]) -> list[Declaration]:
    """Return the tasks of this process that fit ``model``, in the order of their names."""
    found = [task for task in registry.declared() if fits(task, model)]
    return sorted(found, key=lambda task: str(task.name))


def models_of(task: Any) -> list[type[models.Model]]:
    """Return the installed models that ``task`` fits; none: it does not say."""
    if not classes(task):
        return []
    return [model for model in apps.get_models(include_auto_created=True) if fits(task, model)]
