"""
The page of one batch: how far it is, what is wrong, whom it called, and what can be done.
"""

from typing import Any
from urllib.parse import urlencode

from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse

from boogie.apps.tasks.admin import objects, permissions
from boogie.apps.tasks.admin.detail import finding
from boogie.apps.tasks.lifecycle import states
from boogie.apps.tasks.models import Batch, Task
from boogie.apps.tasks.monitoring import counting, describe
from boogie.apps.tasks.monitoring.held import dead_ends
from boogie.apps.tasks.monitoring.verbs import VERBS

from . import bars

TEMPLATE = "admin/boogie_tasks/batch/detail.html"

#: Rows that are listed of those that failed, and of those that have not ended.
LISTED = 20
#: What no list shows, and may be huge.
UNSEEN = ("args", "kwargs", "result", "errors", "log")

#: What can be done to all rows of a batch, and to which of them.
OFFERED = {"cancel": "", "retry": states.FAILED}

CALLED = (("on_success", "success_id"), ("on_failure", "failure_id"), ("on_end", "end_id"))


def show(model_admin: Any, request: HttpRequest, object_id: str) -> HttpResponse:
    """Answer with the page of a batch."""
    finding.refuse_changes(request)
    batch = _found(model_admin, request, object_id)
    if not model_admin.has_view_permission(request, batch):
        raise PermissionDenied
    if batch is None:
        missing: HttpResponse = model_admin._get_obj_does_not_exist_redirect(
            request, model_admin.opts, object_id
        )
        return missing
    request.current_app = model_admin.admin_site.name
    counts = batch.counts()
    progress = batch.progress_of(counts)
    total, left = int(progress.total or 0), int((progress.total or 0) - progress.done)
    bar = bars.Bar(counting.Count(total, total), counting.Count(left, left))
    site = model_admin.admin_site
    task_admin = site._registry.get(Task)
    may_see = task_admin is not None and task_admin.has_view_permission(request)
    context = {
        **site.each_context(request),
        "title": str(batch),
        "opts": model_admin.opts,
        "here": "batches",
        "batch": batch,
        "about": objects.shown([batch], request, site).get(batch.pk),
        "counts": _counts(batch, counts),
        "status": describe.LABELS[batch.status],
        **bar.shown(str(batch)),
        "is_stuck": dead_ends.is_stuck(batch),
        "unknown_calls": [] if left or batch.ended else dead_ends.unknown_calls(batch),
        "sees_rows": may_see,
        **(_rows(task_admin, request, batch, counts) if may_see else {}),
    }
    return TemplateResponse(request, TEMPLATE, context)


def _found(model_admin: Any, request: HttpRequest, object_id: str) -> Batch | None:
    try:
        found: Batch | None = model_admin.get_object(request, unquote(object_id))
    except (ValidationError, ValueError, OverflowError):
        return None
    return found


def _counts(batch: Batch, counts: dict[str, int]) -> list[dict[str, Any]]:
    return [
        {
            "status": status,
            "label": describe.LABELS[status],
            "number": number,
            "query": urlencode({"batch": batch.pk, "status": status}),
        }
        for status, number in counts.items()
        if number
    ]


def _rows(
    task_admin: Any, request: HttpRequest, batch: Batch, counts: dict[str, int]
) -> dict[str, Any]:
    """Return what those see besides who may see rows: some of them, and verbs."""
    visible: Any = task_admin.get_queryset(request).defer(*UNSEEN)
    mine = visible.filter(batch_id=batch.pk)
    called = visible.in_bulk([key for _, name in CALLED if (key := getattr(batch, name))])
    failed = list(mine.failed().order_by("-pk")[:LISTED]) if counts[states.FAILED] else []
    left = list(mine.filter(ended__isnull=True).order_by("-pk")[:LISTED])
    return {
        "failed": failed,
        "open": left,
        "some": next(iter([*failed, *left]), None),
        "called": [
            {"option": option, "name": getattr(batch, option), "row": called.get(key)}
            for option, column in CALLED
            if getattr(batch, option)
            for key in [getattr(batch, column)]
        ],
        "list": reverse("admin:boogie_tasks_task_changelist", current_app=request.current_app),
        "verbs": list(_verbs(task_admin, request, batch, counts)),
        "next": request.get_full_path(),
    }


def _verbs(task_admin: Any, request: HttpRequest, batch: Batch, counts: dict[str, int]) -> Any:
    """Yield the verbs that would move rows of the batch, of those that the user may do."""
    for name, status in OFFERED.items():
        verb = VERBS[name]
        statuses = [status] if status else verb.sources
        if any(counts[one] for one in statuses) and permissions.may(task_admin, request, verb):
            about = {"batch": batch.pk, **({"status": status} if status else {})}
            yield {"verb": verb, "query": urlencode(about)}
