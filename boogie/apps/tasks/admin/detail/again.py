"""
Running a row again: its task on its object, by a new row, with arguments that may be changed.
"""

from typing import Any

from django.contrib import messages
from django.contrib.admin import AdminSite, ModelAdmin
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied, ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from boogie.apps.tasks import forms, registry
from boogie.apps.tasks.admin import words
from boogie.apps.tasks.admin.history import access, logged
from boogie.apps.tasks.models import Task
from boogie.apps.tasks.models.stored import primary
from boogie.apps.tasks.serialization import codec

from . import again_function, finding


def answer(model_admin: Any, request: HttpRequest, object_id: str) -> HttpResponse:
    """Ask for the arguments of a new row, and make it."""
    if request.method not in ("GET", "HEAD", "POST"):
        raise PermissionDenied
    row = finding.find(model_admin, request, object_id)
    if row is None:
        return finding.missing(model_admin, request, object_id)
    if row.backend:
        return again_function.answer(model_admin, request, row)
    task, obj = registry.get(row.name), object_of(row)
    if task is None or obj is None:
        messages.error(request, _("This task cannot be run again: its code or its object is gone."))
        return HttpResponseRedirect(_page_of(model_admin, row))
    of_object = admin_of(model_admin.admin_site, obj)
    if not access.may_start(of_object, request, task, obj):
        raise PermissionDenied
    form = _form(model_admin, request, task, row)
    if request.method == "POST" and form.is_valid():
        return _make(model_admin, request, form, obj)
    return _ask(model_admin, request, form, row, obj)


def is_offered(model_admin: Any, request: HttpRequest, row: Task) -> bool:
    """Return whether ``row`` can be run again, by the user of the request (a query at most)."""
    if row.backend:
        return again_function.is_offered(model_admin, request, row)
    task = registry.get(row.name)
    obj = object_of(row) if task is not None else None
    if obj is None:
        return False
    return access.may_start(admin_of(model_admin.admin_site, obj), request, task, obj)


def object_of(row: Task) -> Any:
    """Return the object of ``row``, or ``None`` if it cannot be read any more."""
    try:
        return row.get_object()
    except (ObjectDoesNotExist, ValidationError, ValueError, TypeError):
        return None


def admin_of(site: AdminSite, obj: Any) -> Any:
    """Return the admin of an object, or of what it is a proxy of; a plain one where none is."""
    known: dict[Any, Any] = site._registry
    found = known.get(type(obj)) or known.get(obj._meta.concrete_model)
    return found or ModelAdmin(type(obj), site)


def _form(model_admin: Any, request: HttpRequest, task: Any, row: Task) -> forms.TaskForm:
    data = request.POST if request.method == "POST" else None
    site = model_admin.admin_site
    try:
        return forms.for_task(task, data=data, row=row, site=site, request=request)
    except codec.MALFORMED:
        messages.warning(request, _("The arguments of the task cannot be read: give them anew."))
        return forms.for_task(task, data=data, site=site, request=request)


def _make(model_admin: Any, request: HttpRequest, form: forms.TaskForm, obj: Any) -> HttpResponse:
    of_object = admin_of(model_admin.admin_site, obj)
    with transaction.atomic(using=primary(Task)):
        row = forms.start(form, obj, requested_by=request.user)
        logged.on_one(of_object, request, form.task, obj)
    words.tell_made(request, form.title, row.is_new)
    return HttpResponseRedirect(_page_of(model_admin, row))


def _ask(
    model_admin: Any, request: HttpRequest, form: forms.TaskForm, row: Task, obj: Any
) -> HttpResponse:
    of_object = admin_of(model_admin.admin_site, obj)
    request.current_app = model_admin.admin_site.name
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "title": _("Run again: %(task)s") % {"task": form.title},
        "form": form.shown,
        "media": of_object.media + form.media,
        "row": row,
        "object": obj,
    }
    return TemplateResponse(request, "admin/boogie_tasks/task/again.html", context)


def _page_of(model_admin: Any, row: Task) -> str:
    name, site = "admin:boogie_tasks_task_change", model_admin.admin_site.name
    return reverse(name, args=[row.pk], current_app=site)
