"""
``BatchAdmin``: batches, seen and never edited.
"""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from boogie.apps.tasks.admin import objects
from boogie.apps.tasks.models import Batch
from boogie.apps.tasks.monitoring import describe

from . import bars, page


@admin.register(Batch)
class BatchAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """The list of batches, the newest first, each with a bar."""

    list_display = ("name", "state", "bar", "about", "created", "ended")
    list_display_links = ("name",)
    list_per_page = 20
    list_max_show_all = 0
    show_full_result_count = False
    sortable_by = ()
    ordering = ("-pk",)
    actions = None
    view_on_site = False

    class Media:
        css = {"all": ["boogie_tasks/admin.css", "boogie_tasks/themes.css"]}

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Batches are made by code."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Batches are not edited."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """They go when their rows have gone."""
        return False

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Return the list with what its columns show of other tables."""
        changes: Any = super().get_changelist_instance(request)
        found = list(changes.result_list)
        shown, about = bars.of(found), objects.shown(found, request, self.admin_site)
        for batch in found:
            batch.bar, batch.about = shown[batch.pk], about.get(batch.pk)
        changes.result_list = found
        return changes

    @admin.display(description=_("batch"))
    def name(self, batch: Batch) -> str:
        """The title, or the number."""
        return str(batch)

    @admin.display(description=_("state"))
    def state(self, batch: Batch) -> str:
        """The status."""
        return format_html(
            '<span class="boogie-badge" data-status="{}">{}</span>',
            batch.status,
            describe.LABELS[batch.status],
        )

    @admin.display(description=_("progress"))
    def bar(self, batch: Any) -> str:
        """How far it is."""
        shown = batch.bar.shown(str(batch))
        return render_to_string("admin/boogie_tasks/batch/bar.html", shown)

    @admin.display(description=_("object"), empty_value="")
    def about(self, batch: Any) -> str:
        """The object, linked for those who may see it."""
        return batch.about.as_html() if batch.about is not None else ""

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show a batch. There is no form: nothing of it is edited."""
        return page.show(self, request, object_id)
