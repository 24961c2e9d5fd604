"""
Verbs from the list: a page that says what will happen to which rows, and the doing of it.
"""

from dataclasses import replace
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from boogie.apps.tasks import tasks
from boogie.apps.tasks.lifecycle import places
from boogie.apps.tasks.monitoring import audit
from boogie.apps.tasks.monitoring.filters import FilterError
from boogie.apps.tasks.monitoring.selection import Selection
from boogie.apps.tasks.monitoring.verbs import Verb

from . import choosing, columns, objects, permissions

#: So many rows are moved at once; more by a row of its own.
AT_ONCE = 100
#: Rows that may be named one by one.
NAMED = 10_000
#: So many are shown.
SAMPLE = 5


def answer(model_admin: Any, request: HttpRequest, verb: Verb) -> HttpResponse:
    """Show what ``verb`` would do to the rows that were chosen, or do what was confirmed."""
    permissions.require(model_admin, request, verb)
    request.current_app = model_admin.admin_site.name
    if not request.POST.get("post"):
        return _page(model_admin, request, verb)
    try:
        selection = choosing.confirmed(request, verb)
    except FilterError:
        selection = None
    if selection is None:
        messages.error(request, _("Nothing was done: this page was too old. Look at it once more."))
        return _page(model_admin, request, verb)
    return _carry_out(model_admin, request, verb, selection)


# --- the page -------------------------------------------------------------------------


def _page(model_admin: Any, request: HttpRequest, verb: Verb) -> HttpResponse:
    try:
        selection = choosing.posted(request)
    except FilterError as error:
        messages.error(request, str(error))
        return HttpResponseRedirect(request.path)
    chosen = _among_visible(model_admin, request, verb, selection)
    matching, movable = chosen.counts()
    rows, is_all = chosen.first(AT_ONCE)
    # Few are meant by their keys; of many, what came to match since is told apart as rows can tell.
    meant = replace(selection, keys=tuple(row.pk for row in rows)) if is_all else selection
    sample = rows[:SAMPLE]
    columns.prepare(sample, set(), objects.shown(sample, request, model_admin.admin_site))
    context = {
        **model_admin.admin_site.each_context(request),
        "title": _("%(verb)s: are you sure?") % {"verb": verb.label},
        "opts": model_admin.opts,
        "here": "list",
        "verb": verb,
        "which": selection.filters.in_words(),
        "is_picked": selection.keys is not None,
        "matching": matching,
        "movable": movable,
        "is_any": bool(rows) or not is_all,
        "is_many": movable > AT_ONCE or movable.is_capped,
        "sample": sample,
        "selection": choosing.signed(request, verb, meant),
        "action": request.get_full_path(),
        "back": _back(request),
        "keys": request.POST.getlist("_selected_action"),
        "select_across": request.POST.get("select_across", "0"),
    }
    return TemplateResponse(request, "admin/boogie_tasks/task/confirm.html", context)


def _among_visible(
    model_admin: Any, request: HttpRequest, verb: Verb, selection: Selection
) -> choosing.Chosen:
    return choosing.Chosen(selection, verb, model_admin.get_queryset(request))


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
    chosen = _among_visible(model_admin, request, verb, selection)
    rows, is_all = chosen.first(AT_ONCE)
    if not is_all:
        return _by_a_row(model_admin, request, chosen, reason)
    everything = selection.movable(verb)
    moved = [row for row in rows if verb.do(everything.filter(pk=row.pk), request.user)]
    audit.of_rows(request.user, verb, moved, reason)
    _tell(request, verb, len(moved))
    if verb.name == "retry" and (taken := places.taken([row for row in rows if row not in moved])):
        text = ngettext(
            "The place of %(number)d is taken: another one of its unique task waits or runs.",
            "The places of %(number)d are taken: others of their unique tasks wait or run.",
            taken,
        )
        messages.warning(request, text % {"number": taken})
    return HttpResponseRedirect(_back(request))


def _tell(request: HttpRequest, verb: Verb, moved: int) -> None:
    text = ngettext("%(verb)s: %(number)d task.", "%(verb)s: %(number)d tasks.", moved)
    level = messages.SUCCESS if moved else messages.WARNING
    messages.add_message(request, level, text % {"verb": verb.label, "number": moved})


def _by_a_row(
    model_admin: Any, request: HttpRequest, chosen: choosing.Chosen, reason: str
) -> HttpResponse:
    user, verb, selection = request.user, chosen.verb, chosen.selection
    if chosen.among.query.where:  # who runs the row does not know what this admin leaves out
        try:
            selection = chosen.named(NAMED)
        except ValueError:
            messages.error(request, _("Nothing was done: these are too many. Choose fewer tasks."))
            return HttpResponseRedirect(_back(request))
    make = tasks.bulk.using(requested_by=user).delayed
    row = make(user, verb.name, selection.as_dict(), reason)
    text = _("%(verb)s: many tasks, so it is done in the background. Here is how far it is.")
    messages.info(request, text % {"verb": verb.label})
    return HttpResponseRedirect(
        reverse(
            "admin:boogie_tasks_task_change",
            args=[row.pk],
            current_app=model_admin.admin_site.name,
        )
    )
