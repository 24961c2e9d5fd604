"""
The page: what its URL asks for, and what its template gets.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from boogie.apps.tasks import registry
from boogie.apps.tasks.functions import finding
from boogie.apps.tasks.monitoring import describe
from boogie.apps.tasks.monitoring.filters import FilterError
from boogie.apps.tasks.rollups import figures
from boogie.apps.tasks.rollups.ranges import Range

from . import charts, now, problems, tables, times

TEMPLATE = "admin/boogie_tasks/dashboard/page.html"


def view(request: HttpRequest, model_admin: Any) -> HttpResponse:
    """Show the dashboard to those who may see rows; what the URL says wrongly is told."""
    if not model_admin.has_view_permission(request):
        raise PermissionDenied
    try:
        range_ = Range.parse(request.GET)
    except FilterError as error:
        messages.error(request, str(error))
        range_ = Range.usual()
    order = request.GET.get("order") or "busiest"
    if order not in tables.ORDERS:
        known = ", ".join(tables.ORDERS)
        text = _("order: there is no order %(name)r, only %(known)s.")
        messages.error(request, text % {"name": order, "known": known})
        order = "busiest"
    context = {
        **model_admin.admin_site.each_context(request),
        "title": _("Dashboard"),
        "list": reverse(
            "admin:boogie_tasks_task_changelist", current_app=model_admin.admin_site.name
        ),
        "opts": model_admin.opts,
        "here": "dashboard",
        # No name has a NUL, which PostgreSQL refuses.
        **_contents(range_, request.GET.get("task", "").replace("\0", "").strip(), order),
        **_choices(request.GET, range_, order),
    }
    return TemplateResponse(request, TEMPLATE, context)


def _contents(range_: Range, task: str, order: str) -> dict[str, Any]:
    found = figures.read(range_, task)
    shown = tables.ordered(found, order)
    at_once = now.look(registry.names(task) if task else [])
    return {
        "figures": found,
        "now": at_once,
        "oldest": times.in_words(at_once.oldest),
        "problems": problems.found(at_once),
        "chart": charts.data(found, shown, figures.releases(range_)),
        "points": charts.series(found),
        "tasks": tables.tasks(found, shown),
        "more_tasks": len(found.tasks) - len(shown),
        "failures": (failures := tables.failures(found)),
        "more_failures": len(found.failures) - len(failures),
        "failed_link": tables.rows_link(found, task=task, status="failed"),
        "scheduled": [
            {
                "row": row,
                "about": describe.reference(row),
                "at": times.local(row.not_before),
                "until": times.until(row.not_before),
            }
            for row in at_once.scheduled
            if row.not_before is not None
        ],
        "workers": [
            {**worker, "age": times.in_words(worker["age"]), "up": times.in_words(worker["uptime"])}
            for worker in at_once.workers
        ],
        "task": task,
        "task_names": sorted(
            {each.name for each in registry.declared()}
            | {each.name for each in found.tasks}
            | finding.names
        ),
    }


def _choices(params: Mapping[str, str], range_: Range, order: str) -> dict[str, Any]:
    """Return links to other ranges and orders; each keeps the rest of the URL."""
    asked = {name: params[name] for name in ("since", "until") if params.get(name)}
    kept = {"range": range_.name} if range_.name else asked
    task = {"task": params["task"]} if params.get("task") else {}
    orders = {} if order == "busiest" else {"order": order}
    return {
        "range": range_,
        "since": times.local(range_.since),
        "until": times.local(range_.until),
        "ranges": [
            {"label": label, "link": _link(range=name, **task, **orders), "is": name == range_.name}
            for name, label in times.ranges().items()
        ],
        "orders": [
            {"label": label, "link": _link(**kept, **task, order=name), "is": name == order}
            for name, (label, _key) in tables.ORDERS.items()
        ],
        "kept": {**kept, **orders},
    }


def _link(**params: str) -> str:
    return f"?{urlencode(params)}"
