"""Documents in the admin, with their tasks."""

from django.contrib import admin

from boogie.apps.tasks.admin import TaskHistory

from .models import Document


@admin.register(Document)
class DocumentAdmin(TaskHistory, admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("path", "size")
    search_fields = ("path",)
    readonly_fields = ("path", "size")
