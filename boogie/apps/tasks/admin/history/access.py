"""
Who may start which task on which objects. Asked in every handler; templates show the same answers.
"""

from collections.abc import Iterator
from typing import Any

from django.contrib.admin import ModelAdmin
from django.db import models
from django.http import HttpRequest

from boogie.apps.tasks.admin import permissions
from boogie.apps.tasks.models import Task

#: Objects that are read at one time to be asked about.
CHUNK = 500


def may_view(model_admin: Any, request: HttpRequest) -> bool:
    """Return whether the user may see rows."""
    site, user = model_admin.admin_site, request.user
    if not user.is_active:
        return False
    if site.is_registered(Task):
        return bool(site.get_model_admin(Task).has_view_permission(request))
    return user.has_perm("boogie_tasks.view_task")


def may_start(model_admin: Any, request: HttpRequest, task: Any, obj: Any = None) -> bool:
    """
    Return whether the user may start ``task`` on ``obj``.

    Without an object: whether there may be one. A task whose permission is a callable is asked
    about each. Nobody may start one on objects of another model than it is about.
    """
    if not _is_about(task, model_admin.model, obj):
        return False
    may_change = permissions.may_change(model_admin, request, model_admin.opts, obj)
    return may_change and permissions.is_permitted(request, task, obj)


def _is_about(task: Any, model: type[models.Model], obj: Any) -> bool:
    """Return whether ``task`` takes ``obj``; without one, some of the objects of ``model``."""
    if obj is not None:
        return bool(task.accepts(type(obj)))
    return task.accepts(model) or any(issubclass(one, model) for one in task.accepted_models)


def depends_on_object(model_admin: Any, task: Any) -> bool:
    """Return whether the objects of one model may be answered about differently."""
    own = type(model_admin).has_change_permission
    return callable(task.permission) or own is not ModelAdmin.has_change_permission


def refused(model_admin: Any, request: HttpRequest, task: Any, objects: Any) -> int:
    """Return on how many of ``objects`` the user may not start ``task``."""
    if not depends_on_object(model_admin, task):
        return 0
    return sum(not may_start(model_admin, request, task, obj) for obj in one_by_one(objects))


def one_by_one(objects: "models.QuerySet[Any]") -> Iterator[Any]:
    """Yield the objects of a queryset, few of them in memory, and no cursor open in between."""
    ordered = objects.order_by("pk")
    chunk = list(ordered[:CHUNK])
    while chunk:
        yield from chunk
        chunk = list(ordered.filter(pk__gt=chunk[-1].pk)[:CHUNK])
