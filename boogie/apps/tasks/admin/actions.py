"""
The verbs as actions of Django's list.
"""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse

from boogie.apps.tasks.monitoring import verbs
from boogie.apps.tasks.monitoring.verbs import VERBS, Verb

from . import confirming, permissions


def _action(verb: Verb) -> Callable[..., HttpResponse]:
    def act(model_admin: Any, request: HttpRequest, queryset: Any) -> HttpResponse:
        return confirming.answer(model_admin, request, verb)

    act.__name__ = verb.name
    label: Any = verb.label
    described = admin.action(description=label, permissions=[permissions.action_permission(verb)])
    made: Callable[..., HttpResponse] = described(act)
    return made


ALL = [_action(verb) for verb in verbs.ALL]


def posted(request: HttpRequest) -> Verb | None:
    """Return the verb that is posted, by whichever of the page's two menus."""
    if request.method != "POST":
        return None
    names = request.POST.getlist("action")
    index = request.POST.get("index", "0")[:4]
    at = int(index) if index.isdecimal() and int(index) < len(names) else 0
    return VERBS.get(names[at]) if names else None
