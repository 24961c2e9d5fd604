"""
The page with the form of a task about one object.
"""

from typing import Any

from django.contrib import messages
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _

from boogie.apps.tasks.admin import permissions
from boogie.apps.tasks.forms import TaskForm, for_task, start
from boogie.apps.tasks.models import Task
from boogie.apps.tasks.models.stored import primary

from . import access, logged


def answer(model_admin: Any, request: HttpRequest, object_id: str, name: str) -> HttpResponse:
    """Show the form, or start what it asks for."""
    obj = model_admin.get_object(request, unquote(object_id))
    task = next((one for one in model_admin.get_task_actions(request) if one.name == name), None)
    if obj is None or task is None:
        if not permissions.may_change(model_admin, request, model_admin.opts):
            raise PermissionDenied  # who may not change objects does not learn which there are
        raise Http404(_("There is no such object, or no such task for it."))
    if not access.may_start(model_admin, request, task, obj):
        raise PermissionDenied
    data = request.POST if request.method == "POST" else None
    form = for_task(task, data=data, site=model_admin.admin_site, request=request)
    if data is None or not form.is_valid():
        return _page(model_admin, request, obj, form)
    with transaction.atomic(using=primary(Task)):
        row = start(form, obj, requested_by=request.user)
        logged.on_one(model_admin, request, task, obj)
    _tell(model_admin, request, form, row)
    return HttpResponseRedirect(_change_link(model_admin, obj) + "#boogie-tasks")


def _page(model_admin: Any, request: HttpRequest, obj: Any, form: TaskForm) -> HttpResponse:
    site = model_admin.admin_site
    request.current_app = site.name
    context = {
        **site.each_context(request),
        "title": form.title,
        "opts": model_admin.opts,
        "obj": obj,
        "back": _change_link(model_admin, obj),
        "form": form.shown,
        "media": model_admin.media + form.media,
    }
    return TemplateResponse(request, "admin/boogie_tasks/object/start.html", context)


def _change_link(model_admin: Any, obj: Any) -> str:
    opts, site = model_admin.opts, model_admin.admin_site
    name = f"admin:{opts.app_label}_{opts.model_name}_change"
    return reverse(name, args=[quote(obj.pk)], current_app=site.name)


def _tell(model_admin: Any, request: HttpRequest, form: TaskForm, row: Task) -> None:
    text = _("Started: %(title)s.") if form.when is None else _("Will be started: %(title)s.")
    if not row.is_new:
        text = _("There is one already, and no second one was made: %(title)s.")
    shown = format_html("{}", text % {"title": form.title})
    if access.may_view(model_admin, request) and model_admin.admin_site.is_registered(Task):
        site = model_admin.admin_site
        link = reverse("admin:boogie_tasks_task_change", args=[row.pk], current_app=site.name)
        shown = format_html('{} <a href="{}">{}</a>', shown, link, _("How far it is"))
    messages.add_message(request, messages.SUCCESS if row.is_new else messages.WARNING, shown)
