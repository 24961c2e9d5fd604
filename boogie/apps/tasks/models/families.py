"""
What counts as one task and as one object, whichever names and proxies rows were made through.
"""

from typing import Any

from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.db.models import Case, F, Value, When

from boogie.apps.tasks import registry
from boogie.apps.tasks.protocols import Row


def family(model: type[models.Model]) -> list[type[models.Model]]:
    """Return the concrete model of ``model`` and its proxies; of a migration's, those of today."""
    try:
        model = apps.get_model(model._meta.label_lower)
    except LookupError:  # it is no more
        return [model]
    concrete = model._meta.concrete_model
    return [m for m in _models() if m._meta.concrete_model is concrete]


def type_for(model: type[models.Model], using: str | None) -> ContentType:
    """Return the type by which rows in ``using`` name objects of ``model``, or of this proxy."""
    kinds = ContentType.objects.db_manager(using)
    return kinds.get_for_model(model, for_concrete_model=False)


def type_of(row: Row) -> ContentType:
    """Return the type of a row's object from where the row was read: no replica is asked."""
    kinds = ContentType.objects.db_manager(row._state.db)  # with a cache for the process
    return kinds.get_for_id(row.content_type_id)


def task_name() -> Any:
    """Return the expression of a row's task: the name that it has today."""
    renamed = [task for task in registry.declared() if len(task.names) > 1]
    return Case(
        *(When(name__in=task.names, then=Value(task.name)) for task in renamed),
        default=F("name"),
        output_field=models.CharField(),
    )


def kind(using: str) -> Any:
    """Return the expression of the content type of a row's object, a proxy's being the model's."""
    types = ContentType.objects.db_manager(using)
    proxies = [model for model in _models() if model._meta.proxy]
    own = types.get_for_models(*proxies, for_concrete_models=False)
    concrete = types.get_for_models(*proxies)
    return Case(
        *(When(content_type=own[m], then=Value(concrete[m].pk)) for m in proxies),
        default=F("content_type"),
        output_field=models.IntegerField(),
    )


def _models() -> list[type[models.Model]]:
    return apps.get_models(include_auto_created=True)
