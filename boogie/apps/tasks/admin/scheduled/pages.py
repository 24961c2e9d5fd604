"""
The pages of one schedule: which task a new one is of, its form, and what there is of it.
"""

from typing import Any

from django.apps import apps
from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from boogie.apps.tasks.declaration import faces
from boogie.apps.tasks.forms import ScheduleForm, for_schedule
from boogie.apps.tasks.models import Schedule, families
from boogie.apps.tasks.models.stored import primary
from boogie.apps.tasks.recurrence import when as recurrence

from . import access, actions

TEMPLATES = "admin/boogie_tasks/schedule/"


# --- a new one ------------------------------------------------------------------------


def add(model_admin: Any, request: HttpRequest) -> HttpResponse:
    """Ask which task is to be repeated, then for all else; make the schedule."""
    if not model_admin.has_add_permission(request):
        raise PermissionDenied
    site = model_admin.admin_site
    pairs = access.pairs(site, request)
    if "task" not in request.GET:
        return _choose(model_admin, request, pairs)
    task, model = _chosen(request, pairs)
    data = request.POST if request.method == "POST" else None
    form = for_schedule(task, model=model, data=data, site=site, request=request)
    if data is None or not form.is_valid():
        return _page(model_admin, request, form, None)
    if not access.may_start(site, request, task, form.obj):
        raise PermissionDenied
    with transaction.atomic(using=primary(Schedule)):
        made = form.save(requested_by=request.user)
        model_admin.log_addition(request, made, [{"added": {}}])
    return _done(model_admin, request, made)


def _choose(model_admin: Any, request: HttpRequest, pairs: list[access.Pair]) -> HttpResponse:
    by_task: dict[Any, list[Any]] = {}
    for task, model in pairs:
        by_task.setdefault(task.name, []).append(model)
    tasks = {task.name: task for task, _model in pairs}
    choices = [
        {
            "title": faces.title(tasks[name]),
            "name": name,
            "summary": faces.summary(tasks[name]),
            "models": [(one._meta.label_lower, one._meta.verbose_name) for one in found],
        }
        for name, found in by_task.items()
    ]
    context = {"title": _("Repeat a task: which one?"), "choices": choices}
    return _answer(model_admin, request, "choose.html", context)


def _chosen(request: HttpRequest, pairs: list[access.Pair]) -> access.Pair:
    """Return the task and model that a query names; they are among those that may be had."""
    asked = (request.GET.get("task"), request.GET.get("model", "").lower())
    for task, model in pairs:
        if (task.name, model._meta.label_lower) == asked:
            return task, model
    raise Http404(_("There is no such task for such objects."))


# --- one that there is ----------------------------------------------------------------


def show(model_admin: Any, request: HttpRequest, object_id: str) -> HttpResponse:
    """Show a schedule, do what is posted about it, or change what its form says."""
    one = _find(model_admin, request, object_id)
    if not model_admin.has_view_or_change_permission(request, one):
        raise PermissionDenied
    may_change = not one.declared and access.may_run(model_admin, request, one)
    if request.method == "POST" and (verb := request.POST.get("_verb")):
        return _do(model_admin, request, one, verb)
    if request.method == "POST" and not may_change:
        raise PermissionDenied
    if not may_change:
        return _page(model_admin, request, None, one)
    data = request.POST if request.method == "POST" else None
    site = model_admin.admin_site
    form = for_schedule(one.declaration, schedule=one, data=data, site=site, request=request)
    if data is None or not form.is_valid():
        return _page(model_admin, request, form, one)
    with transaction.atomic(using=primary(Schedule)):
        form.save()
        model_admin.log_change(request, one, [{"changed": {}}])
    return _done(model_admin, request, one)


def _find(model_admin: Any, request: HttpRequest, object_id: str) -> Schedule:
    found: Schedule | None = model_admin.get_object(request, unquote(object_id))
    if found is None:
        if not model_admin.has_view_or_change_permission(request):
            raise PermissionDenied
        raise Http404(_("There is no such schedule."))
    return found


def _do(model_admin: Any, request: HttpRequest, one: Schedule, verb: str) -> HttpResponse:
    if verb not in actions.ALL:
        raise Http404
    if not model_admin.has_change_permission(request, one):
        raise PermissionDenied
    if verb != "pause" and not access.may_run(model_admin, request, one):
        raise PermissionDenied
    actions.ALL[verb](model_admin, request, [one])
    return HttpResponseRedirect(_link(model_admin, one))


# --- shown ----------------------------------------------------------------------------


def _page(
    model_admin: Any, request: HttpRequest, form: ScheduleForm | None, one: Schedule | None
) -> HttpResponse:
    may_run = one is not None and access.may_run(model_admin, request, one)
    context = {
        "title": form.title if form is not None else str(one),
        "form": None if form is None else form.shown,
        "media": model_admin.media + form.media if form is not None else model_admin.media,
        "schedule": one,
        "about": families.about(one) if one is not None else None,
        "when": recurrence.as_written(one.when) if one is not None else None,
        "may_run": may_run,
        "may_pause": one is not None and model_admin.has_change_permission(request, one),
        "may_delete": one is not None and model_admin.has_delete_permission(request, one),
    }
    return _answer(model_admin, request, "page.html", context)


def _answer(
    model_admin: Any, request: HttpRequest, template: str, context: dict[str, Any]
) -> HttpResponse:
    site = model_admin.admin_site
    request.current_app = site.name
    common = {
        **site.each_context(request),
        "opts": model_admin.opts,
        "here": "schedules",
        "app": apps.get_app_config("boogie_tasks"),
    }
    return TemplateResponse(request, TEMPLATES + template, {**common, **context})


def _done(model_admin: Any, request: HttpRequest, one: Schedule) -> HttpResponse:
    messages.success(request, _("The schedule %(name)s is stored.") % {"name": one.name})
    may_see = model_admin.has_view_or_change_permission(request, one)
    index = reverse("admin:index", current_app=model_admin.admin_site.name)
    return HttpResponseRedirect(_link(model_admin, one) if may_see else index)


def _link(model_admin: Any, one: Schedule) -> str:
    site = model_admin.admin_site
    name = "admin:boogie_tasks_schedule_change"
    return reverse(name, args=[one.pk], current_app=site.name)
