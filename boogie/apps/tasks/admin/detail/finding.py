"""
The row that a URL names, for who may see it.
"""

from typing import Any

from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse

from boogie.apps.tasks.models import Task

from . import payloads


def find(model_admin: Any, request: HttpRequest, object_id: str) -> Task | None:
    """
    Return the row, or ``None`` if there is none; what it carries is not read.

    Raise ``PermissionDenied`` for who may not see it.
    """
    if not model_admin.has_view_permission(request):
        raise PermissionDenied
    rows = model_admin.get_queryset(request).defer(*payloads.COLUMNS)
    try:
        row: Task | None = rows.filter(pk=unquote(object_id)).first()
    except (ValueError, ValidationError):  # it is no key
        return None
    if row is not None and not model_admin.has_view_permission(request, row):
        raise PermissionDenied
    return row


def refuse_changes(request: HttpRequest) -> None:
    """Raise ``PermissionDenied`` for what does not just look."""
    if request.method not in ("GET", "HEAD"):
        raise PermissionDenied


def missing(model_admin: Any, request: HttpRequest, object_id: str) -> HttpResponse:
    """Answer as Django does for objects that there are not."""
    answer: HttpResponse = model_admin._get_obj_does_not_exist_redirect(
        request, model_admin.opts, object_id
    )
    return answer
