"""
``TaskAdmin``: which page answers which URL.
"""

from functools import partial
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.text import capfirst

from boogie.apps.tasks import views
from boogie.apps.tasks.dashboard import page as dashboard
from boogie.apps.tasks.models import Task, TaskQuerySet
from boogie.apps.tasks.monitoring.filters import FILTERS
from boogie.apps.tasks.monitoring.verbs import VERBS

from . import actions, columns, confirming, objects, permissions
from .changelist import TaskChangeList
from .columns import Columns
from .detail import addresses
from .detail import page as detail_page
from .history.searching import ObjectSearch
from .pages import failures, workers


@admin.register(Task)
class TaskAdmin(Columns, admin.ModelAdmin):  # type: ignore[type-arg]
    """Rows: seen, searched and steered, and never edited."""

    actions_selection_counter = True
    list_per_page = 50
    list_max_show_all = 0
    show_full_result_count = False
    sortable_by = ()
    ordering = ("-pk",)
    view_on_site = False  # that would be the page itself
    search_fields = ("pk",)
    actions = actions.ALL

    class Media:
        css = {"all": ["boogie_tasks/admin.css", "boogie_tasks/themes.css"]}

    def get_urls(self) -> list[URLPattern]:
        """Return our pages before Django's: else their names would be taken for keys."""
        return [*self._own_urls(), *super().get_urls()]

    def _own_urls(self) -> list[URLPattern]:
        pages: dict[str, Any] = {
            "dashboard": dashboard.view,
            "failures": failures.view,
            "workers": workers.view,
        }
        wrap = self.admin_site.admin_view
        own = [
            path(f"{name}/", wrap(partial(view, model_admin=self)), name=f"boogie_tasks_{name}")
            for name, view in pages.items()
        ]
        search = ObjectSearch.as_view(admin_site=self.admin_site)
        own.append(path("objects/", wrap(search), name="boogie_tasks_objects"))
        # They ask for permission themselves, by token or user.
        live = [
            path("state/", views.state, name="boogie_tasks_state"),
            path("events/", views.events, name="boogie_tasks_events"),
        ]
        return [*own, *live, *addresses.patterns(self)]

    # --- what may be done --------------------------------------------------------------

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Rows are made by their tasks."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Rows are moved, not edited."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether the user may delete rows, which they see and which do not run."""
        if obj is not None and obj.is_running:
            return False
        is_allowed: bool = super().has_delete_permission(request, obj)
        return is_allowed and self.has_view_permission(request, obj)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Delete a row, unless it was begun meanwhile."""
        if not VERBS["delete"].do(self.get_queryset(request).filter(pk=obj.pk), request.user):
            raise PermissionDenied

    def has_run_task_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether the user may run and pause rows."""
        return VERBS["run"].is_allowed(request.user)

    def has_cancel_task_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether the user may cancel and terminate rows."""
        return VERBS["cancel"].is_allowed(request.user)

    def has_retry_task_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether the user may retry rows and acknowledge failures."""
        return VERBS["retry"].is_allowed(request.user)

    def has_erase_task_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether the user may take out what rows carry."""
        return VERBS["erase"].is_allowed(request.user)

    # --- verbs --------------------------------------------------------------------------

    def get_actions(self, request: HttpRequest, action_location: Any = None) -> Any:
        """Return the verbs that the user may do. Django's deletion asks for every row: ours."""
        where = {} if action_location is None else {"action_location": action_location}
        found: Any = super().get_actions(request, **where)
        found.pop("delete_selected", None)
        return found

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Show the list, or answer a verb that is posted with rows: Django would take any key."""
        verb = actions.posted(request)
        if verb is not None:
            permissions.require(self, request, verb)
        if verb is not None and "_selected_action" in request.POST:
            return confirming.answer(self, request, verb)
        response: HttpResponse = super().changelist_view(request, extra_context)
        return response

    # --- the list ----------------------------------------------------------------------

    def get_queryset(self, request: HttpRequest) -> TaskQuerySet:
        return Task.objects.all()

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[TaskChangeList]:
        return TaskChangeList

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        """Allow our filters alone."""
        return lookup in FILTERS

    def get_changelist_instance(self, request: HttpRequest) -> TaskChangeList:
        """Return the list with what its columns show of other tables."""
        changes: Any = super().get_changelist_instance(request)
        rows = changes.page.rows
        columns.prepare(rows, changes.stalled, objects.shown(rows, request, self.admin_site))
        changes.title = capfirst(str(self.opts.verbose_name_plural))
        found: TaskChangeList = changes
        return found

    # --- one row -----------------------------------------------------------------------

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show a row. There is no form: nothing of it is edited."""
        return detail_page.show(self, request, object_id)
