"""
System checks of what tasks say of their objects: only then are the models there.
"""

from collections.abc import Iterator
from typing import Any

from django.core import checks
from django.core.exceptions import FieldDoesNotExist
from django.db import models

from boogie.apps.tasks import limits, registry


def register() -> None:
    """Register every check of this module."""
    checks.register(check_limits)


def check_limits(**options: Any) -> list[checks.CheckMessage]:
    """E015: limits by attributes that no object of a task has."""
    return [
        checks.Error(
            f"The task {task.name!r} has a limit by {path!r}, and {model._meta.label} has no "
            f"attribute {part!r}.",
            hint="Name attributes of the object, as in 'customer.region', or give by a callable.",
            id="boogie_tasks.E015",
        )
        for task in registry.declared()
        for path in _paths(task.name)
        for model, part in _missing(task, path)
    ]


def _paths(name: str) -> Iterator[str]:
    for declared in limits.of_task(name):
        by = declared.limit.by
        if isinstance(by, str) and by not in (limits.TASK, limits.OBJECT):
            yield by


def _missing(task: Any, path: str) -> Iterator[tuple[type[models.Model], str]]:
    """Yield each model that has no such path, and its part that is missing."""
    for model in task.accepted_models:
        found: type[models.Model] | None = model
        for part in path.split("."):
            if found is None:
                break
            if not _may_have(found, part):
                yield found, part
                break
            found = _related(found, part)


def _may_have(model: type[models.Model], name: str) -> bool:
    """Return whether instances of a model may have an attribute; one may make them as it likes."""
    makes = [vars(one) for one in model.__mro__ if one not in (models.Model, object)]
    return hasattr(model, name) or any("__getattr__" in one or "__init__" in one for one in makes)


def _related(model: type[models.Model], name: str) -> type[models.Model] | None:
    """Return the model that a relation leads to; ``None``: nobody knows what is there."""
    try:
        related: Any = model._meta.get_field(name).related_model
    except FieldDoesNotExist:
        return None
    return related if isinstance(related, type) else None
