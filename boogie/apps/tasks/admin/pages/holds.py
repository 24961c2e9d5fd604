"""
Holding and releasing a queue or a task: what is asked, and what is done then.
"""

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _

from boogie.apps.tasks.admin import permissions
from boogie.apps.tasks.holds import looking, naming, switch
from boogie.apps.tasks.models import Hold
from boogie.apps.tasks.monitoring.verbs import VERBS

CONFIRMATION = "admin/boogie_tasks/hold.html"
HOLD, RELEASE = "hold", "release"


@dataclass(frozen=True)
class Shown:
    """A hold as pages show it; ``sentence`` says all of it."""

    hold: Hold
    sentence: str


def shown(holds: list[Hold]) -> list[Shown]:
    """Return holds as pages show them."""
    return [Shown(hold, looking.in_words(hold)) for hold in holds]


def may(request: HttpRequest, model_admin: Any) -> bool:
    """Return whether the user of a request may hold and release: who may pause rows may."""
    return permissions.may(model_admin, request, VERBS["pause"])


def answer(request: HttpRequest, model_admin: Any, common: dict[str, Any]) -> HttpResponse:
    """Ask whether to hold or release what a post names, or do it if that was confirmed."""
    permissions.require(model_admin, request, VERBS["pause"])
    action, kind = request.POST["action"], request.POST.get("kind", "")
    key = _key(action, kind, request.POST.get("name", "").replace("\0", ""))
    back = _back(request, model_admin)
    if request.POST.get("post") != "yes":
        held = Hold.objects.on_primary().active().filter(pk=key).first()
        context = {
            **common,
            "title": _("Hold: are you sure?") if action == HOLD else _("Release: are you sure?"),
            "action": action,
            "hold": held,
            "sentence": looking.in_words(held) if held else "",
            "kind": kind,
            "name": key.partition(":")[2],
            "back": back,
        }
        return TemplateResponse(request, CONFIRMATION, context)
    reason = request.POST.get("reason", "").replace("\0", "").strip()[: naming.MAX_REASON]
    _do(request, action, key, reason)
    return HttpResponseRedirect(back)


def _key(action: str, kind: str, name: str) -> str:
    """Return the key of a hold; raise ``Http404`` for what is neither queue nor known task."""
    if kind not in ("queue", "task"):
        raise Http404
    if action == RELEASE and (held := naming.held_key(kind, name)):
        return held
    try:
        return naming.queue_key(name) if kind == "queue" else naming.task_key(name)
    except (LookupError, ValueError):
        if action == RELEASE:  # somebody else was faster, and this process does not know it
            return f"{kind}:{name}"
        raise Http404 from None


def _back(request: HttpRequest, model_admin: Any) -> str:
    given = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(
        given, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    if given and is_ours:
        return given
    return reverse("admin:boogie_tasks_workers", current_app=model_admin.admin_site.name)


def _do(request: HttpRequest, action: str, key: str, reason: str) -> None:
    name = key.partition(":")[2]
    if action == HOLD:
        is_done = switch.hold(key, request.user, reason)
        text = _("%(name)s is held.") if is_done else _("%(name)s was held already.")
    else:
        is_done = switch.release(key, request.user, reason)
        text = _("%(name)s is released.") if is_done else _("%(name)s was not held.")
    level = messages.SUCCESS if is_done else messages.WARNING
    messages.add_message(request, level, text % {"name": name})


def of_row(holds: list[Hold], row: Any, is_registered: bool) -> dict[str, Any]:
    """Return what the page of a row says of holds: of its own, and what may be done to its task."""
    mine = looking.of_row(holds, row)
    of_task = looking.of_task(holds, row.name)
    return {
        "held": looking.in_words(mine) if mine else "",
        "task_hold": of_task,
        "may_be_held": is_registered and of_task is None,
    }
