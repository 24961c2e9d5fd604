"""
Who may do what to rows. Asked in every handler; templates show the same answers.
"""

from typing import Any

from django.contrib.auth import get_permission_codename
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from boogie.apps.tasks.monitoring.verbs import ALL, Verb


def may(model_admin: Any, request: HttpRequest, verb: Verb, row: Any = None) -> bool:
    """Return whether the user of a request may do ``verb``, to this row if one is given."""
    if not (request.user.is_active and model_admin.has_view_permission(request, row)):
        return False
    asked = getattr(model_admin, f"has_{action_permission(verb)}_permission")
    return bool(asked(request, row))


def action_permission(verb: Verb) -> str:
    """Return the permission of a verb as Django's actions name it."""
    codename = verb.permission.partition(".")[2]
    return "delete" if codename == "delete_task" else codename


def require(model_admin: Any, request: HttpRequest, verb: Verb) -> None:
    """Raise ``PermissionDenied`` if the user may not do ``verb``."""
    if not may(model_admin, request, verb):
        raise PermissionDenied


def fitting(model_admin: Any, request: HttpRequest, row: Any) -> list[Verb]:
    """Return the verbs that the user may do and that can move ``row`` as it is."""
    return [verb for verb in ALL if verb.fits(row) and may(model_admin, request, verb, row)]


# --- making rows ----------------------------------------------------------------------


def is_permitted(request: HttpRequest, task: Any, obj: Any = None) -> bool:
    """
    Return whether the user has the permission that ``task`` names, or ``boogie_tasks.add_task``.

    Without an object: whether there may be one, since a callable is asked about each.
    """
    user: Any = request.user
    if callable(task.permission):
        return obj is None or bool(task.permission(user, obj))
    return bool(user.has_perm(task.permission or "boogie_tasks.add_task"))


def may_change(model_admin: Any, request: HttpRequest, opts: Any, obj: Any = None) -> bool:
    """Return whether the user may change objects, and this one; their admin is asked, too."""
    user: Any = request.user
    name = f"{opts.app_label}.{get_permission_codename('change', opts)}"
    has_permission = user.has_perm(name) or (obj is not None and user.has_perm(name, obj))
    if not (user.is_active and has_permission):
        return False
    return model_admin is None or bool(model_admin.has_change_permission(request, obj))
