"""
The page itself: who may see it, and what its template is given.
"""

from datetime import datetime
from typing import Any

from django.contrib.admin.utils import quote
from django.contrib.auth import get_user_model
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, reverse

from boogie.apps.tasks.admin import objects, permissions, words
from boogie.apps.tasks.admin.pages import holds
from boogie.apps.tasks.db import clock
from boogie.apps.tasks.db.moments import in_utc
from boogie.apps.tasks.enqueue import times
from boogie.apps.tasks.holds import looking
from boogie.apps.tasks.models import Batch, Task
from boogie.apps.tasks.monitoring import describe, durations
from boogie.apps.tasks.monitoring.held import chains as held_chains
from boogie.apps.tasks.monitoring.held import rows as held_rows
from boogie.apps.tasks.monitoring.verbs import Verb

from . import again, attempts, contents, finding, path, payloads, unique
from .beside import chain, relatives

#: Lines of a log that are open at first.
LOG_OPEN = 20


def show(model_admin: Any, request: HttpRequest, object_id: str) -> HttpResponse:
    """Answer with the page of a row; with what Django answers, if there is no such row."""
    finding.refuse_changes(request)
    row = finding.find(model_admin, request, object_id)
    if row is None:
        return finding.missing(model_admin, request, object_id)
    request.current_app = model_admin.admin_site.name
    context = {
        **model_admin.admin_site.each_context(request),
        **_context(model_admin, request, row),
    }
    return TemplateResponse(request, "admin/boogie_tasks/task/detail.html", context)


def _context(model_admin: Any, request: HttpRequest, row: Task) -> dict[str, Any]:
    made = attempts.of(row)
    payload = payloads.Payload.of(row, request.user)
    place, held = unique.of(row), looking.active()
    return {
        "opts": model_admin.opts,
        "title": row.name,
        "row": row,
        "is_registered": payload.task is not None,
        "waits_for_others": held_chains.in_words(row),
        "waits": held_rows.of_row(row, held),
        "is_stalled": bool(describe.stalled([row])),
        "about": objects.shown([row], request, model_admin.admin_site).get(row.pk),
        "failure": made[-1] if made and row.is_failed else None,
        "last_error": attempts.error_of(row.errors[-1]) if row.error else None,
        "waited": words.duration(durations.waited(row)),
        "ran": words.duration(durations.ran(row)),
        "attempts": made[::-1],
        "drawing": path.drawing(row, made),
        "arguments": contents.linked(contents.arguments(payload), request, model_admin.admin_site),
        "result": contents.result(payload) if row.is_finished else None,
        "log": [{**describe.shown_entry(line), "at": _local(line["at"])} for line in row.log],
        "log_is_open": len(row.log) <= LOG_OPEN,
        "relatives": relatives.of(row, model_admin.get_queryset(request), request.GET),
        "chain": chain.of(row, model_admin.get_queryset(request)),
        "batch_link": _batch_link(model_admin, request, row),
        "requester_link": _user_link(model_admin, request, row.requested_by_id),
        "acknowledged_by": row.acknowledged_by,
        "may_run_again": again.is_offered(model_admin, request, row),
        "unique": place,
        "verbs": _offered(model_admin, request, row, place),
        **holds.of_row(held, row, payload.task is not None),
        "may_hold": holds.may(request, model_admin),
    }


def _local(at: Any) -> Any:
    """Return a time of a log as columns have theirs: in local time where ``USE_TZ`` is off."""
    return times.stored(at) if isinstance(at, datetime) else at


# --- what may be done, and seen -------------------------------------------------------


def _offered(
    model_admin: Any, request: HttpRequest, row: Task, place: unique.Unique | None
) -> list[Verb]:
    """Return the verbs that would move the row, of those that the user may do."""
    idle = set()
    if row.acknowledged:
        idle.add("acknowledge")
    if row.not_before is None or in_utc(row.not_before) <= clock.here():
        idle.add("run_now")
    if place is not None and place.holder is not None:
        idle.add("retry")
    fitting = permissions.fitting(model_admin, request, row)
    return [verb for verb in fitting if verb.name not in idle]


def _batch_link(model_admin: Any, request: HttpRequest, row: Task) -> str:
    """Return the page of a row's batch, for those who may see batches."""
    site = model_admin.admin_site
    of_batches = site._registry.get(Batch)
    if row.batch_id is None or of_batches is None or not of_batches.has_view_permission(request):
        return ""
    return reverse("admin:boogie_tasks_batch_change", args=[row.batch_id], current_app=site.name)


def _user_link(model_admin: Any, request: HttpRequest, key: str) -> str:
    """Return the page of a user, for those who may see users."""
    site = model_admin.admin_site
    kind = get_user_model()
    of_users = site._registry.get(kind)
    if not key or of_users is None or not of_users.has_view_permission(request):
        return ""
    name = f"admin:{kind._meta.app_label}_{kind._meta.model_name}_change"
    try:
        return reverse(name, args=[quote(key)], current_app=site.name)
    except NoReverseMatch:
        return ""
