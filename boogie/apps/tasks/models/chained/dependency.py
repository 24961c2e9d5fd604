"""
Arrows between rows: one is to start once another has finished.
"""

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from boogie.apps.tasks.lifecycle.needs import arrows
from boogie.apps.tasks.models.stored import StoredQuerySet


class DependencyQuerySet(StoredQuerySet["Dependency"]):
    """Arrows between rows."""


class Dependency(models.Model):
    """
    That the row ``row_id`` is after ``needs_id``: at ``place`` among all that it is after.

    Rows may go before it: no constraint leads to them.
    """

    id = models.BigAutoField(primary_key=True)
    row_id: Any = models.UUIDField()
    needs_id: Any = models.UUIDField()
    place = models.PositiveIntegerField()
    state = models.PositiveSmallIntegerField(choices=arrows.STATES, default=arrows.WAITS)

    objects = DependencyQuerySet.as_manager()

    class Meta:
        app_label = "boogie_tasks"
        verbose_name = _("dependency")
        verbose_name_plural = _("dependencies")
        indexes = [
            models.Index(fields=["row_id", "state"], name="boogie_tasks_dependency_row"),
            models.Index(fields=["needs_id", "state"], name="boogie_tasks_dependency_needs"),
            models.Index(fields=["state", "id"], name="boogie_tasks_dependency_state"),
        ]

    def __str__(self) -> str:
        return f"{self.row_id} after {self.needs_id}"
