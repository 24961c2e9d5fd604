"""
Who may do what to schedules. Asked in every handler; templates show the same answers.
"""

from typing import Any

from django.contrib.admin import AdminSite, ModelAdmin
from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.http import HttpRequest

from boogie.apps.tasks import registry
from boogie.apps.tasks.admin import permissions
from boogie.apps.tasks.admin.history import access
from boogie.apps.tasks.declaration import fitting
from boogie.apps.tasks.models import Schedule

#: A task and a model that a schedule may be made of.
Pair = tuple[Any, Any]


def admin_of(site: AdminSite, model: Any) -> Any:
    """Return the admin of a model, or of what it is a proxy of; a plain one where none is."""
    known: dict[Any, Any] = site._registry
    return known.get(model) or known.get(model._meta.concrete_model) or ModelAdmin(model, site)


def may_start(site: AdminSite, request: HttpRequest, task: Any, obj: Any) -> bool:
    """Return whether the user may start ``task`` on ``obj``."""
    return access.may_start(admin_of(site, type(obj)), request, task, obj)


def pairs(site: AdminSite, request: HttpRequest) -> list[Pair]:
    """
    Return the tasks, each with a model, of which the user may make schedules.

    Of a task that does not say what it is about: with each model that the site has.
    """
    found = []
    for task in sorted(registry.declared(), key=lambda task: str(task.name)):
        for model in fitting.models_of(task) or list(site._registry):
            if access.may_start(admin_of(site, model), request, task):
                found.append((task, model))
    return found


def object_of(schedule: Schedule) -> Any:
    """Return the object of a schedule, or ``None`` if it has none, or it cannot be read."""
    try:
        return schedule.get_object()
    except (ObjectDoesNotExist, ValidationError, ValueError, TypeError):
        return None


def may_run(model_admin: Any, request: HttpRequest, schedule: Schedule) -> bool:
    """Return whether the user may have rows of a schedule made, or change what they are."""
    task: Any = schedule.declaration
    if schedule.is_gone or task is None or not model_admin.has_change_permission(request, schedule):
        return False
    if schedule.content_type_id is not None:
        obj = object_of(schedule)
        return obj is not None and may_start(model_admin.admin_site, request, task, obj)
    if callable(task.permission):  # it is asked of each object, and nobody knows which there are
        return bool(request.user.is_superuser)
    return permissions.is_permitted(request, task)
