"""
``{% load boogie_tasks %}``: widgets that show rows as they are, and with JavaScript go on to.

A widget is whole without JavaScript, and makes no query about a row that it is given.
"""

from typing import Any

from django import template
from django.core.exceptions import ImproperlyConfigured
from django.core.handlers.wsgi import WSGIRequest
from django.template import Context
from django.urls import NoReverseMatch, reverse

from boogie.apps.tasks.live import states, tokens
from boogie.apps.tasks.models import Progress, Task

register = template.Library()


@register.inclusion_tag("boogie_tasks/badge.html")
def task_badge(row: Task | None) -> dict[str, Any]:
    """Show the status of a row; nothing for ``None``."""
    return _of_row(row)


@register.inclusion_tag("boogie_tasks/progress.html")
def task_progress(row: Task | None, status: bool = True) -> dict[str, Any]:
    """
    Show how far a row is, as a bar and in words; nothing for ``None``.

    ``status``: whether the words name it; beside a badge they need not.
    """
    field = "summary" if status else "progress"
    found = _of_row(row)
    if not found:
        return {}
    return {**found, "field": field, "words": found["shown"][field]}


@register.inclusion_tag("boogie_tasks/object_tasks.html")
def object_tasks(obj: Any, limit: int = 5) -> dict[str, Any]:
    """Show the newest rows about an object (one query)."""
    watched = tokens.Watched.of(obj, limit)
    return {
        "watched": watched,
        "token": tokens.for_object(watched),
        "rows": [_shown(row) for row in states.of_objects([watched])],
        "blank": {"bar": {"is_hidden": True}},
    }


@register.inclusion_tag("boogie_tasks/scripts.html", takes_context=True)
def boogie_tasks_scripts(
    context: Context, state_url: str = "", events_url: str = ""
) -> dict[str, str]:
    """
    Have the widgets of the page live. Once in a page.

    ``state_url``, ``events_url``: where the endpoints are, if not at those of
    ``boogie.apps.tasks.urls``. Under WSGI the page is told of no events: there are none.
    """
    has_events = not isinstance(context.get("request"), WSGIRequest)
    return {
        "state_url": state_url or _url("state"),
        "events_url": (events_url or _url("events")) if has_events else "",
    }


def _url(name: str) -> str:
    try:
        return reverse(f"boogie_tasks:{name}")
    except NoReverseMatch as error:
        raise ImproperlyConfigured(
            "{% boogie_tasks_scripts %} finds no endpoints to ask for the state of rows. Add "
            'path("tasks/", include("boogie.apps.tasks.urls")) to the URLs of the project, or give '
            "the tag state_url= and events_url=."
        ) from error


def _of_row(row: Task | None) -> dict[str, Any]:
    if not row:  # a template that does not find a variable has the empty text
        return {}
    return {**_shown(row), "token": tokens.for_row(row.pk)}


def _shown(row: Task) -> dict[str, Any]:
    return {"row": row, "shown": states.shown(row), "bar": _bar(row)}


def _bar(row: Task) -> dict[str, Any]:
    """Return the attributes of a ``<progress>``; without a value it says that something runs."""
    progress = row.progress
    if progress is None or progress.fraction is None:
        return {"is_hidden": not row.is_running}
    value, most = _measured(progress)
    return {"value": _number(value), "max": _number(most)}


def _measured(progress: Progress) -> tuple[float, float]:
    """Return value and maximum of a bar: steps, with the part of the step that goes on."""
    fraction = progress.fraction or 0.0
    if not progress.total:
        return fraction, 1
    return round(fraction * progress.total, 4), progress.total


def _number(value: float) -> str:
    """Return a number as HTML has it, in whichever language the page is."""
    return str(int(value)) if value == int(value) else repr(float(value))
