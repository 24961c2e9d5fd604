"""
Which models are one object, whichever of them its instance was read as.

With multi-table inheritance a parent and a child that share their key are one object, as proxies
are. A child with a key of its own, whose parent link is a column like others, is another.
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from django.apps import apps
from django.db import models


def root(model: type[models.Model]) -> type[models.Model]:
    """
    Return the topmost model that shares the key of ``model``; of a migration's, that of today.

    Two instances are one object if their roots, their keys and their databases are the same.
    """
    model = _of_today(model)
    return _roots().of.get(model) or _climbed(model)


def family(model: type[models.Model]) -> list[type[models.Model]]:
    """Return the models that share the key of ``model``, proxies included: of one object, all."""
    same = _roots().families.get(root(model), [])
    return same if (today := _of_today(model)) in same else [*same, today]


def branch(model: type[models.Model]) -> list[type[models.Model]]:
    """Return those of the family that are ``model``: itself, its children, and their proxies."""
    own = _concrete(_of_today(model))
    return [one for one in family(model) if issubclass(_concrete(one), own)]


def families() -> Mapping[type[models.Model], list[type[models.Model]]]:
    """Return the installed models of each family, by its root."""
    return _roots().families


class _Roots:
    """The root of each installed model, and the family of each root."""

    def __init__(self, installed: list[type[models.Model]]) -> None:
        self.installed = installed
        self.of = {model: _climbed(model) for model in installed}
        families: dict[type[models.Model], list[type[models.Model]]] = defaultdict(list)
        for model, top in self.of.items():
            families[top].append(model)
        self.families: Mapping[type[models.Model], list[type[models.Model]]] = dict(families)


_known: _Roots | None = None


def _roots() -> _Roots:
    """Return those of the models of now; Django makes another list when there is one more."""
    global _known
    installed = apps.get_models(include_auto_created=True)
    if _known is None or _known.installed is not installed:
        _known = _Roots(installed)
    return _known


def _climbed(model: type[models.Model]) -> type[models.Model]:
    """Go from child to parent as long as the parent link is the key."""
    model = _concrete(model)
    key: Any = model._meta.pk
    while key.is_relation and key.remote_field.parent_link:
        model = _concrete(key.remote_field.model)
        key = model._meta.pk
    return model


def _concrete(model: type[models.Model]) -> type[models.Model]:
    return model._meta.concrete_model or model


def _of_today(model: type[models.Model]) -> type[models.Model]:
    """Return the installed model of this name; ``model`` if it is no more."""
    try:
        return apps.get_model(model._meta.label_lower)
    except LookupError:
        return model
