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


def allowed(model_admin: Any, request: HttpRequest) -> list[Verb]:
    """Return the verbs that the user may do."""
    return [verb for verb in ALL if may(model_admin, request, verb)]


def fitting(model_admin: Any, request: HttpRequest, row: Any) -> list[Verb]:
    """Return the verbs that the user may do and that can move ``row`` as it is."""
    return [verb for verb in ALL if verb.fits(row) and may(model_admin, request, verb, row)]


# --- making rows ----------------------------------------------------------------------


def may_start(site: Any, request: HttpRequest, task: Any, obj: Any) -> bool:
    """
    Return whether the user of a request may have ``task`` run on ``obj``.

    The task's own ``permission`` decides, if it has one. Else it takes ``boogie_tasks.add_task``,
    and the right to change the object, asked of its page in ``site`` too, if it has one.
    """
    user: Any = request.user
    own = task.permission
    if not user.is_active:
        return False
    if own is not None:
        return bool(own(user, obj) if callable(own) else user.has_perm(own))
    return bool(user.has_perm("boogie_tasks.add_task")) and _may_change(site, request, obj)


def _may_change(site: Any, request: HttpRequest, obj: Any) -> bool:
    user: Any = request.user
    codename = get_permission_codename("change", obj._meta)
    if not user.has_perm(f"{obj._meta.app_label}.{codename}"):
        return False
    of_model = site._registry.get(type(obj)) or site._registry.get(obj._meta.concrete_model)
    return of_model is None or bool(of_model.has_change_permission(request, obj))
