"""
Notes of the rows that are to be blanked, or deleted, when they end.
"""

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from boogie.apps.tasks.models.stored import StoredQuerySet


class WipeQuerySet(StoredQuerySet["Wipe"]):
    """Notes."""


class Wipe(models.Model):
    """
    That the row ``row_id`` is marked: what becomes of it says the row itself.

    Rows that are marked are few, and are found here: rows have no index for it.
    """

    row_id: Any = models.UUIDField(primary_key=True)

    objects = WipeQuerySet.as_manager()

    class Meta:
        app_label = "boogie_tasks"
        verbose_name = _("row to be wiped")
        verbose_name_plural = _("rows to be wiped")

    def __str__(self) -> str:
        return str(self.row_id)
