"""
What is said of an object that is not of the model that a task is about, and what to give instead.
"""

from typing import Any

from django.db import models

from boogie.apps.tasks.serialization import kinship

Model = type[models.Model]


def of_object(name: str, accepted: tuple[Model, ...], given: Model, key: Any) -> str:
    """Return what is said of one object of the model ``given``."""
    said = (
        f"{name} is about objects of {_listed(accepted)}; this is one of {given._meta.label} with "
        f"the key {key!r:.80}."
    )
    ways = [way for model in accepted for way in _ways(given, model)]
    return f"{said} Give what it is there: {', or '.join(ways)}." if ways else said


def of_queryset(name: str, accepted: tuple[Model, ...], given: Model) -> str:
    """Return what is said of a queryset."""
    said = (
        f"{name} is about objects of {_listed(accepted)}; the queryset is of {given._meta.label}."
    )
    below = [model for model in accepted if issubclass(model, _concrete(given))]
    sets = [f"{_manager(model)}.filter({_link(given, model, 'in')})" for model in below]
    return f"{said} Give one of theirs: {', or '.join(sets)}." if sets else said


def _listed(accepted: tuple[Model, ...]) -> str:
    return " or ".join(model._meta.label for model in accepted)


def _ways(given: Model, wanted: Model) -> list[str]:
    """Return how one gets from an object of a parent, or of what ``wanted`` is a proxy of."""
    if not issubclass(wanted, _concrete(given)):
        return []
    path: Any = wanted._meta.get_path_from_parent(_concrete(given))
    accessors = [step.join_field.get_accessor_name() for step in path]
    read = f"{_manager(wanted)}.get({_link(given, wanted)})"
    if not accessors or None in accessors or wanted._meta.proxy:
        return [read]
    return [".".join([str(given._meta.model_name), *accessors]), read]


def _link(given: Model, wanted: Model, lookup: str = "") -> str:
    """Return the condition by which the same object is found among those of ``wanted``."""
    one = str(given._meta.model_name)
    if kinship.root(given) is kinship.root(wanted):
        return "pk__in=…" if lookup else f"pk={one}.pk"
    path: Any = wanted._meta.get_path_to_parent(_concrete(given))
    names = "__".join(step.join_field.name for step in path)
    return f"{names}__in=…" if lookup else f"{names}={one}"


def _manager(model: Model) -> str:
    return f"{model.__name__}.{model._default_manager.name}"


def _concrete(model: Model) -> Model:
    return model._meta.concrete_model or model
