"""
Verbs from the list: a page that says what will happen to which rows, and the doing of it.
"""

import uuid
from typing import Any

from django.contrib import messages
from django.core import signing
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from boogie.apps.tasks import tasks
from boogie.apps.tasks.db import clock
from boogie.apps.tasks.models import Task
from boogie.apps.tasks.monitoring import audit, counting
from boogie.apps.tasks.monitoring.filters import FilterError, Filters
from boogie.apps.tasks.monitoring.selection import Selection
from boogie.apps.tasks.monitoring.verbs import Verb

from . import permissions

#: So many rows are moved at once; more by a row of its own.
AT_ONCE = 100
#: Rows are counted up to here.
CAP = 1000
#: So many are shown.
SAMPLE = 5
#: A page is good for so many seconds.
MAX_AGE = 24 * 3600
SALT = "boogie_tasks.selection"


def answer(model_admin: Any, request: HttpRequest, verb: Verb) -> HttpResponse:
    """Show what ``verb`` would do to the rows that were chosen, or do what was confirmed."""
    permissions.require(model_admin, request, verb)
    request.current_app = model_admin.admin_site.name
    if not request.POST.get("post"):
        return _page(model_admin, request, verb)
    try:
        selection = _confirmed(request, verb)
    except FilterError:
        selection = None
    if selection is None:
        messages.error(request, _("Nothing was done: this page was too old. Look at it once more."))
        return _page(model_admin, request, verb)
    return _carry_out(model_admin, request, verb, selection)


# --- what was chosen ------------------------------------------------------------------


def _chosen(request: HttpRequest) -> Selection:
    """Return what the list, or whoever posts as it does, has chosen."""
    keys = None if request.POST.get("select_across") == "1" else tuple(_keys(request))
    return Selection(Filters.parse(request.GET), clock.read(Task.objects.on_primary().db), keys)


def _keys(request: HttpRequest) -> list[uuid.UUID]:
    found = []
    for text in request.POST.getlist("_selected_action"):
        try:
            found.append(uuid.UUID(text))
        except ValueError:
            continue  # it is the key of no row
    return found


def _signed(request: HttpRequest, verb: Verb, selection: Selection) -> str:
    about = [str(request.user.pk), verb.name, selection.as_dict()]
    return signing.dumps(about, salt=SALT, compress=True)


def _confirmed(request: HttpRequest, verb: Verb) -> Selection | None:
    """Return what was on the page that was confirmed; ``None`` if it was none of this verb's."""
    token = request.POST.get("selection")
    if not token:  # only what is named one by one can do without a page
        return None if request.POST.get("select_across") == "1" else _chosen(request)
    try:
        user, name, data = signing.loads(token, salt=SALT, max_age=MAX_AGE)
    except signing.BadSignature:
        return None
    is_this = user == str(request.user.pk) and name == verb.name
    return Selection.from_dict(data) if is_this else None


# --- the page -------------------------------------------------------------------------


def _page(model_admin: Any, request: HttpRequest, verb: Verb) -> HttpResponse:
    try:
        selection = _chosen(request)
    except FilterError as error:
        messages.error(request, str(error))
        return HttpResponseRedirect(request.path)
    matching, movable = selection.matching(), selection.movable(verb)
    counts = counting.capped([matching, movable], CAP)
    context = {
        **model_admin.admin_site.each_context(request),
        "title": _("%(verb)s: are you sure?") % {"verb": verb.label},
        "opts": model_admin.opts,
        "here": "list",
        "verb": verb,
        "which": selection.filters.in_words(),
        "is_picked": selection.keys is not None,
        "matching": counts[0],
        "movable": counts[1],
        "is_many": counts[1] > AT_ONCE,
        "sample": movable.order_by("-pk")[:SAMPLE],
        "selection": _signed(request, verb, selection),
        "action": request.get_full_path(),
        "back": _back(request),
        "keys": request.POST.getlist("_selected_action"),
        "select_across": request.POST.get("select_across", "0"),
    }
    return TemplateResponse(request, "admin/boogie_tasks/task/confirm.html", context)


def _back(request: HttpRequest) -> str:
    """Return where the user came from, if it is a page of this site."""
    given = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(
        given, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return given if given and is_ours else request.get_full_path()


# --- doing it -------------------------------------------------------------------------


def _carry_out(
    model_admin: Any, request: HttpRequest, verb: Verb, selection: Selection
) -> HttpResponse:
    reason = request.POST.get("reason", "").strip()[:1000]
    rows = list(selection.movable(verb).order_by("-pk")[: AT_ONCE + 1])
    if len(rows) > AT_ONCE:
        return _by_a_row(model_admin, request, verb, selection, reason)
    everything = selection.movable(verb)
    moved = [row for row in rows if verb.do(everything.filter(pk=row.pk), request.user)]
    audit.of_rows(request.user, verb, moved, reason)
    _tell(request, verb, len(moved))
    return HttpResponseRedirect(_back(request))


def _tell(request: HttpRequest, verb: Verb, moved: int) -> None:
    text = ngettext("%(verb)s: %(number)d row.", "%(verb)s: %(number)d rows.", moved)
    level = messages.SUCCESS if moved else messages.WARNING
    messages.add_message(request, level, text % {"verb": verb.label, "number": moved})


def _by_a_row(
    model_admin: Any, request: HttpRequest, verb: Verb, selection: Selection, reason: str
) -> HttpResponse:
    user = request.user
    make = tasks.bulk.using(requested_by=user).delayed
    row = make(user, verb.name, selection.as_dict(), reason)
    link = reverse(
        "admin:boogie_tasks_task_change",
        args=[row.pk],
        current_app=model_admin.admin_site.name,
    )
    text = _("%(verb)s: many rows, so it is done in the background. Here is how far it is.")
    messages.info(request, format_html("{}", text % {"verb": verb.label}))
    return HttpResponseRedirect(link)
