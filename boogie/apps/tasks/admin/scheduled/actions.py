"""
What is done to the schedules that are chosen in the list, or to the one that a page shows.
"""

from collections.abc import Callable, Iterable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import ObjectDoesNotExist
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from boogie.apps.tasks.exceptions import BoogieTasksError
from boogie.apps.tasks.models import Schedule

from . import access

#: What keeps rows from being made of a schedule, and is told to who asked for them.
REFUSALS = (BoogieTasksError, ObjectDoesNotExist, TypeError, ValueError)

Verb = Callable[[Schedule], Any]


@admin.action(description=gettext_lazy("Pause the chosen schedules"), permissions=["change"])
def pause(model_admin: Any, request: HttpRequest, chosen: Iterable[Schedule]) -> None:
    """Pause schedules."""
    moved = [one for one in chosen if one.pause()]
    _log(model_admin, request, moved, _("Paused."))
    text = ngettext(
        "%(number)d schedule is paused.", "%(number)d schedules are paused.", len(moved)
    )
    model_admin.message_user(request, text % {"number": len(moved)})


@admin.action(description=gettext_lazy("Resume the chosen schedules"), permissions=["change"])
def resume(model_admin: Any, request: HttpRequest, chosen: Iterable[Schedule]) -> None:
    """Resume schedules of which the user may start the tasks."""
    allowed = _allowed(model_admin, request, chosen)
    moved = [one for one in allowed if one.resume()]
    _log(model_admin, request, moved, _("Resumed."))
    text = ngettext("%(number)d schedule goes on.", "%(number)d schedules go on.", len(moved))
    model_admin.message_user(request, text % {"number": len(moved)})


@admin.action(description=gettext_lazy("Run the chosen schedules now"), permissions=["change"])
def run_now(model_admin: Any, request: HttpRequest, chosen: Iterable[Schedule]) -> None:
    """Have rows made of schedules now."""
    run = []
    for one in _allowed(model_admin, request, chosen):
        try:
            one.run_now()
        except REFUSALS as error:
            message = f"{one.name}: {error}"
            model_admin.message_user(request, message, messages.ERROR)
        else:
            run.append(one)
    _log(model_admin, request, run, _("Run now."))
    text = ngettext("%(number)d schedule was run.", "%(number)d schedules were run.", len(run))
    model_admin.message_user(request, text % {"number": len(run)})


#: By the names under which they are posted.
ALL = {"pause": pause, "resume": resume, "run_now": run_now}


def _allowed(model_admin: Any, request: HttpRequest, chosen: Iterable[Schedule]) -> list[Schedule]:
    everything = list(chosen)
    allowed = [one for one in everything if access.may_run(model_admin, request, one)]
    if refused := len(everything) - len(allowed):
        text = ngettext(
            "%(number)d schedule was left out: its task or object is gone, or not yours to start.",
            "%(number)d schedules were left out: their tasks or objects are gone, or not yours to "
            "start.",
            refused,
        )
        model_admin.message_user(request, text % {"number": refused}, messages.WARNING)
    return allowed


def _log(model_admin: Any, request: HttpRequest, moved: list[Schedule], text: str) -> None:
    for one in moved:
        model_admin.log_change(request, one, text)
