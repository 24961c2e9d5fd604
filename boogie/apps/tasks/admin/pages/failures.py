"""
The page of failures: what fails how often, and what can be done about all of a kind.
"""

from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from boogie.apps.tasks.admin import permissions
from boogie.apps.tasks.lifecycle import states
from boogie.apps.tasks.monitoring import durations
from boogie.apps.tasks.monitoring.conditions import is_storable
from boogie.apps.tasks.monitoring.verbs import VERBS, Verb
from boogie.apps.tasks.operations import failures
from boogie.apps.tasks.operations.failures import Kind

TEMPLATE = "admin/boogie_tasks/failures.html"

#: What is done to all rows of a kind.
OFFERED = ("retry", "acknowledge")


def view(request: HttpRequest, model_admin: Any) -> HttpResponse:
    """Show failures by their kind to those who may see rows."""
    if not model_admin.has_view_permission(request):
        raise PermissionDenied
    is_all = request.GET.get("show") == "all"
    after = tuple(filter(is_storable, request.GET.getlist("after")))[: len(failures.BY)]
    is_first = len(after) < len(failures.BY)
    if is_all:
        page = failures.of_the_week()
    else:
        among = model_admin.get_queryset(request)
        page = failures.still_open(among, () if is_first else after)
    verbs = [VERBS[name] for name in OFFERED if permissions.may(model_admin, request, VERBS[name])]
    context = {
        **model_admin.admin_site.each_context(request),
        "title": _("Failures"),
        "list": reverse(
            "admin:boogie_tasks_task_changelist", current_app=model_admin.admin_site.name
        ),
        "opts": model_admin.opts,
        "here": "failures",
        "kinds": [_shown(kind, [] if is_all else verbs) for kind in page.kinds],
        "is_all": is_all,
        "is_first": is_first,
        "more": urlencode([("after", text) for text in page.after]),
        "next": request.get_full_path(),
    }
    return TemplateResponse(request, TEMPLATE, context)


def _shown(kind: Kind, verbs: list[Verb]) -> dict[str, Any]:
    module, _dot, short = kind.error_type.rpartition(".")
    return {
        "kind": kind,
        "error": short,
        "module": "" if module == "builtins" else module,
        "rows": _rows(kind),
        "first": durations.in_words(durations.age(kind.first)),
        "last": durations.in_words(durations.age(kind.last)),
        "is_fresh": bool(kind.hour),
        "verbs": verbs,
    }


def _rows(kind: Kind) -> str:
    """Return the query by which the list shows the rows of a kind."""
    about = {"status": states.FAILED, "task": kind.name, "error_type": kind.error_type}
    if kind.open is not None:
        about["open"] = "yes"
    given = {name: text for name, text in about.items() if text}
    return f"?{urlencode(given)}"
