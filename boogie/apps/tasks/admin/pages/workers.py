"""
The page of queues and workers, and what can be told to a worker.
"""

from typing import Any

from django.contrib import messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from boogie.apps.tasks.admin import objects, permissions
from boogie.apps.tasks.conf import conf
from boogie.apps.tasks.holds import looking
from boogie.apps.tasks.models import Hold
from boogie.apps.tasks.models import Worker as StoredWorker
from boogie.apps.tasks.monitoring import durations
from boogie.apps.tasks.monitoring.verbs import VERBS
from boogie.apps.tasks.operations import control, queues, workers
from boogie.apps.tasks.operations.queues import Queue
from boogie.apps.tasks.operations.workers import Worker

from . import holds

TEMPLATE = "admin/boogie_tasks/workers.html"
CONFIRMATION = "admin/boogie_tasks/shutdown.html"


def view(request: HttpRequest, model_admin: Any) -> HttpResponse:
    """
    Show queues and workers to those who may see rows.

    A post shuts a worker down, or holds or releases a queue or a task.
    """
    if not model_admin.has_view_permission(request):
        raise PermissionDenied
    if request.method == "POST":
        if request.POST.get("action") in (holds.HOLD, holds.RELEASE):
            return holds.answer(request, model_admin, _common(request, model_admin, ""))
        return _shut_down(request, model_admin)
    return _page(request, model_admin)


def _common(request: HttpRequest, model_admin: Any, title: str) -> dict[str, Any]:
    each: dict[str, Any] = model_admin.admin_site.each_context(request)
    return {**each, "title": title, "opts": model_admin.opts, "here": "workers"}


def _page(request: HttpRequest, model_admin: Any) -> HttpResponse:
    everybody, running = workers.known(), workers.running()
    held = looking.active()
    found = queues.look(everybody, running, [hold.name for hold in held if hold.is_of_queue])
    after = request.GET.get("after", "")
    shown, more = workers.page(everybody, after)
    rows = workers.fill(shown, running, model_admin.get_queryset(request))
    about = objects.shown(rows, request, model_admin.admin_site)
    calls, gone = running.of_none({worker.id for worker in everybody})
    alive = sum(worker.is_alive for worker in everybody)
    is_controlled = control.is_possible()
    may_cancel = permissions.may(model_admin, request, VERBS["terminate"])
    context = {
        **_common(request, model_admin, _("Queues and workers")),
        "queues": [_shown_queue(queue, held) for queue in found],
        "holds": holds.shown(held),
        "may_hold": holds.may(request, model_admin),
        "unserved": [queue for queue in found if queue.is_urgent],
        "workers": [_shown_worker(worker, about) for worker in shown],
        "alive": alive,
        "dead": len(everybody) - alive,
        "more": more,
        "after": after,
        "calls": calls,
        "gone": gone,
        "timeout": durations.in_units(int(conf.WORKER_TIMEOUT)),
        "may_terminate": may_cancel,
        "may_shut_down": may_cancel and is_controlled,
        "is_controlled": is_controlled,
        "next": request.get_full_path(),
    }
    return TemplateResponse(request, TEMPLATE, context)


def _shown_queue(queue: Queue, held: list[Hold]) -> dict[str, Any]:
    hold = looking.of_queue(held, queue.name)
    return {
        "queue": queue,
        "held": looking.in_words(hold) if hold else "",
        "oldest": durations.in_words(queue.oldest),
        "is_late": not hold
        and queue.oldest is not None
        and queue.oldest.total_seconds() >= conf.STUCK_AFTER,
    }


def _shown_worker(worker: Worker, about: dict[Any, Any]) -> dict[str, Any]:
    return {
        "worker": worker,
        "age": durations.in_words(worker.age),
        "uptime": durations.in_words(worker.uptime),
        "more": worker.running - len(worker.rows),
        "rows": [
            {"row": row, "about": about.get(row.pk), "ran": durations.in_words(durations.ran(row))}
            for row in worker.rows
        ],
    }


# --- warm shutdown --------------------------------------------------------------------


def _shut_down(request: HttpRequest, model_admin: Any) -> HttpResponse:
    permissions.require(model_admin, request, VERBS["terminate"])
    if request.POST.get("action") != "shutdown":
        raise Http404
    name = request.POST.get("worker", "")
    worker = next((each for each in workers.known() if each.id == name), None)
    page = reverse("admin:boogie_tasks_workers", current_app=model_admin.admin_site.name)
    back = HttpResponseRedirect(page)
    if worker is None or not worker.is_alive:
        messages.warning(request, _("This worker is dead, or gone. Nothing was done."))
        return back
    if not control.is_possible():
        messages.error(request, _("This broker carries no messages to workers. Nothing was done."))
        return back
    if request.POST.get("post") != "yes":
        return _confirmation(request, model_admin, worker)
    _tell(request, worker)
    return back


def _confirmation(request: HttpRequest, model_admin: Any, worker: Worker) -> HttpResponse:
    workers.fill([worker], workers.running(), model_admin.get_queryset(request))
    context = {
        **_common(request, model_admin, _("Warm shutdown: are you sure?")),
        "worker": worker,
    }
    return TemplateResponse(request, CONFIRMATION, context)


def _tell(request: HttpRequest, worker: Worker) -> None:
    if not control.shut_down(worker.node):
        messages.error(request, _("The broker does not answer. Nothing was done."))
        return
    reason = request.POST.get("reason", "").strip()[:1000]
    said = _("Warm shutdown")
    entries: Any = LogEntry.objects
    entries.create(
        user_id=request.user.pk,
        content_type=ContentType.objects.get_for_model(StoredWorker),
        object_id=worker.id,
        object_repr=worker.id[:200],
        action_flag=CHANGE,
        change_message=f"{said}: {reason}" if reason else said,
    )
    text = _("%(worker)s was told to shut down: it ends what it runs, and then itself.")
    messages.success(request, text % {"worker": worker.node})
