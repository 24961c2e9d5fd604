"""
The columns of the list of rows.
"""

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.template.loader import render_to_string
from django.utils.formats import localize
from django.utils.html import format_html
from django.utils.timezone import is_aware, localtime
from django.utils.translation import gettext_lazy as _

from boogie.apps.tasks.models import Task
from boogie.apps.tasks.monitoring import describe, durations
from boogie.apps.tasks.monitoring.held import rows as held_rows

from . import words

#: Characters of an error in a list; the page shows as many as there is room for.
ERROR_LENGTH = 300


class Columns:
    """What the list shows of a row. ``about`` and ``stalled`` are read once for a page."""

    list_display: Any = (
        "task_name",
        "state",
        "about",
        "requester",
        "age",
        "wait",
        "run_time",
        "attempts",
        "error_in_short",
    )

    @admin.display(description=_("task"))
    def task_name(self, row: Task) -> str:
        """The task, which leads to the page of the row."""
        return format_html(
            '<span title="{}">{}</span>',
            row.name,
            words.short_name(row.name),
        )

    @admin.display(description=_("state"))
    def state(self, row: Task) -> str:
        """The status, with a bar for what runs."""
        context = {
            "row": row,
            "is_stalled": getattr(row, "is_stalled", False),
            "held": getattr(row, "held", None),
        }
        return render_to_string("admin/boogie_tasks/task/state.html", context)

    @admin.display(description=_("object"), empty_value="")
    def about(self, row: Task) -> str:
        """The object, linked for those who may see it."""
        shown: Any = getattr(row, "about", None)
        return describe.reference(row) if shown is None else shown.as_html()

    @admin.display(description=_("requested by"), empty_value="")
    def requester(self, row: Task) -> str | None:
        """Who asked for it; leads to all that they asked for."""
        if not row.requested_by_name:
            return None
        query = urlencode({"requested_by": row.requested_by_id})
        return format_html('<a href="?{}">{}</a>', query, row.requested_by_name)

    @admin.display(description=_("age"))
    def age(self, row: Task) -> str:
        """How long ago it was made."""
        return format_html(
            '<time datetime="{}" title="{}">{}</time>',
            row.created.isoformat(),
            localize(localtime(row.created) if is_aware(row.created) else row.created),
            words.rough(durations.age(row.created)),
        )

    @admin.display(description=_("wait"))
    def wait(self, row: Task) -> str:
        """How long it waited for a worker."""
        return words.duration(durations.waited(row))

    @admin.display(description=_("run time"))
    def run_time(self, row: Task) -> str:
        """How long its last attempt took."""
        return words.duration(durations.ran(row))

    @admin.display(description=_("attempt"))
    def attempts(self, row: Task) -> str:
        """How often it was tried."""
        return str(row.attempt) if row.attempt else ""

    @admin.display(description=_("error"), empty_value="")
    def error_in_short(self, row: Task) -> str | None:
        """The first line of its error."""
        error = describe.error_of(row)
        if error is None:
            return None
        first = error.partition("\n")[0][:ERROR_LENGTH]
        return format_html('<span class="boogie-clip boogie-error" title="{0}">{0}</span>', first)


def prepare(rows: Iterable[Task], stalled: set[Any], shown_objects: dict[Any, Any]) -> None:
    """Give rows what their columns show and no row has."""
    rows = list(rows)
    held = held_rows.of_rows(rows)
    row: Any
    for row in rows:
        row.held = held.get(row.pk)
        row.is_stalled = row.pk in stalled
        row.about = shown_objects.get(row.pk)
