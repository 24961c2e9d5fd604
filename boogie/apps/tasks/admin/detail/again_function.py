"""
Running a function of Django Tasks again: by a new row, with the same arguments.
"""

from dataclasses import replace
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from boogie.apps.tasks.admin import words
from boogie.apps.tasks.enqueue.origin import Origin, coming_from
from boogie.apps.tasks.functions import finding
from boogie.apps.tasks.lifecycle import places
from boogie.apps.tasks.models import Task
from boogie.apps.tasks.models.stored import primary

from . import contents, payloads

TEMPLATE = "admin/boogie_tasks/task/again_function.html"


def is_offered(model_admin: Any, request: HttpRequest, row: Task) -> bool:
    """Return whether ``row`` can be run again, by the user of the request (no query)."""
    return _may(request) and finding.problem(row.name) is None


def answer(model_admin: Any, request: HttpRequest, row: Task) -> HttpResponse:
    """Ask whether to make a new row, and make it."""
    if (reason := finding.problem(row.name)) is not None:
        messages.error(request, _("This cannot be run again: %(reason)s") % {"reason": reason})
        return HttpResponseRedirect(_page_of(model_admin, row.pk))
    if not _may(request):
        raise PermissionDenied
    if request.method == "POST":
        return _make(model_admin, request, row)
    request.current_app = model_admin.admin_site.name
    title = words.short_name(row.name)
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "title": _("Run again: %(task)s") % {"task": title},
        "row": row,
        "arguments": contents.arguments(payloads.Payload.of(row, request.user)),
    }
    return TemplateResponse(request, TEMPLATE, context)


def _may(request: HttpRequest) -> bool:
    user: Any = request.user
    return bool(user.is_active and user.has_perm("boogie_tasks.add_task"))


def _make(model_admin: Any, request: HttpRequest, row: Task) -> HttpResponse:
    from boogie.apps.tasks.functions import results

    # As it was enqueued, but for the time, which has come.
    task = replace(results.restored(row), run_after=None)
    with transaction.atomic(using=primary(Task)), coming_from(Origin(user=request.user)):
        before = places.holders(Task.objects.on_primary(), [row.unique_key]).first()
        made = task.enqueue(*row.args, **row.kwargs)
        new = Task.objects.on_primary().get(pk=made.id)
        is_new = before is None or before.pk != new.pk
        if is_new:
            model_admin.log_addition(request, new, [{"added": {}}])
    words.tell_made(request, row.name, is_new)
    return HttpResponseRedirect(_page_of(model_admin, new.pk))


def _page_of(model_admin: Any, key: Any) -> str:
    name, site = "admin:boogie_tasks_task_change", model_admin.admin_site.name
    return reverse(name, args=[key], current_app=site)
