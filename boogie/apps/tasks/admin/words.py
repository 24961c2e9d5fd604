"""
What the pages call spans of time and tasks, and what they say of new rows.
"""

from datetime import timedelta

from django.contrib import messages
from django.http import HttpRequest
from django.utils.translation import gettext as _

from boogie.apps.tasks.monitoring.durations import in_units
from boogie.apps.tasks.monitoring.durations import in_words as duration

__all__ = ["duration", "rough", "short_name", "tell_made"]


def rough(span: timedelta) -> str:
    """Return a span in its largest unit."""
    return in_units(int(span.total_seconds()), most=1)


def short_name(name: str) -> str:
    """Return the end of a task's dotted name, which tells it apart: module and function."""
    return ".".join(name.split(".")[-2:])


def tell_made(request: HttpRequest, title: str, is_new: bool) -> None:
    """Tell that a row was made, or that there was one already, whose page comes next."""
    if is_new:
        messages.success(request, _("%(task)s: this is the new one.") % {"task": title})
    else:
        text = _("%(task)s: there is one already, this one; no second one was made.")
        messages.warning(request, text % {"task": title})
