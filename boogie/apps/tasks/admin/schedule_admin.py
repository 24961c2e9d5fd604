"""
``ScheduleAdmin``: schedules, listed, made and changed.
"""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from boogie.apps.tasks.models import Schedule, families
from boogie.apps.tasks.recurrence import when as recurrence

from .scheduled import actions, pages


@admin.register(Schedule)
class ScheduleAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """What is done again and again. Those that code declares are paused here, and not edited."""

    list_display = (
        "name",
        "shown_task",
        "about",
        "shown_when",
        "time_zone",
        "next_run",
        "last_run",
        "state",
    )
    list_filter = ("enabled", "declared")
    search_fields = ("name", "task", "object_id")
    ordering = ("name",)
    list_per_page = 50
    list_max_show_all = 0
    show_full_result_count = False
    actions = list(actions.ALL.values())

    class Media:
        css = {"all": ["boogie_tasks/admin.css", "boogie_tasks/themes.css"]}

    @admin.display(description=_("task"), ordering="task")
    def shown_task(self, one: Schedule) -> str:
        """Return the task's name."""
        return one.task

    @admin.display(description=_("object"))
    def about(self, one: Schedule) -> str:
        """Return the object as ``app.model:key``, or that there are many."""
        return families.about(one) or str(_("those that code declares"))

    @admin.display(description=_("when"), ordering="when")
    def shown_when(self, one: Schedule) -> str:
        """Return when it is due, as people write it."""
        return recurrence.as_written(one.when)

    @admin.display(description=_("state"))
    def state(self, one: Schedule) -> str:
        """Return whether it is paused, gone, or why it makes no rows."""
        if one.is_gone:
            return str(_("gone: does nothing"))
        if not one.enabled:
            return str(_("paused"))
        never = _("on, but its time never comes") if one.next_run is None else _("on")
        return one.error[:200] or str(never)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether the user may delete schedules; what code declares would come back."""
        if obj is not None and obj.declared and not obj.is_gone:
            return False
        return bool(super().has_delete_permission(request, obj))

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Ask for a new schedule."""
        return pages.add(self, request)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show a schedule, and change it."""
        return pages.show(self, request, object_id)
