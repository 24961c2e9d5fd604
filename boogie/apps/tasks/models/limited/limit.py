"""
Limits of tasks: what is counted of each, and who holds its slots.
"""

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.db.fields import ExactCharField
from boogie.apps.tasks.db.moments import MomentField
from boogie.apps.tasks.models.stored import StoredQuerySet

#: Characters of a key: "limit:" and a hash.
KEY = 40


class LimitQuerySet(StoredQuerySet["Limit"]):
    """Limits."""


class Limit(models.Model):
    """One limit for one value of its ``by``. Who updates its row holds the lock of the key."""

    key = ExactCharField(primary_key=True, max_length=KEY)
    #: By which name the tasks that declare it know it.
    name = ExactCharField(_("name"), max_length=255)
    #: The value of ``by``, for people.
    value = models.CharField(_("value"), max_length=255, blank=True)
    #: Of a rate: when the next row may start, if none were to start before its time.
    next_start = MomentField(_("next start"), null=True)
    used = MomentField(_("used"), default=Moment)

    objects = LimitQuerySet.as_manager()

    class Meta:
        app_label = "boogie_tasks"
        verbose_name = _("limit")
        verbose_name_plural = _("limits")
        get_latest_by = "used"
        indexes = [models.Index(fields=["used"], name="boogie_tasks_limit_used")]

    def __str__(self) -> str:
        return f"{self.name} ({self.value})" if self.value else self.name


class StandQuerySet(StoredQuerySet["Stand"]):
    """Stands."""


class Stand(models.Model):
    """
    A row that waits at one limit stands in the line of another, too, which keeps order.

    It counts only while the row waits: nothing has to take it away.
    """

    id = models.BigAutoField(primary_key=True)
    limit = ExactCharField(max_length=KEY)
    row_id: Any = models.UUIDField()

    objects = StandQuerySet.as_manager()

    class Meta:
        app_label = "boogie_tasks"
        verbose_name = _("stand")
        verbose_name_plural = _("stands")
        constraints = [
            models.UniqueConstraint(fields=["limit", "row_id"], name="boogie_tasks_stand_once")
        ]

    def __str__(self) -> str:
        return f"{self.limit} {self.row_id}"


class SlotQuerySet(StoredQuerySet["Slot"]):
    """Slots."""


class Slot(models.Model):
    """
    One of the ``n`` of a limit, held by one attempt of one row.

    It counts only while the row runs, with that attempt: nothing has to give it back.
    """

    id = models.BigAutoField(primary_key=True)
    limit = ExactCharField(max_length=KEY)
    number = models.PositiveIntegerField()
    row_id: Any = models.UUIDField()
    attempt = models.IntegerField()

    objects = SlotQuerySet.as_manager()

    class Meta:
        app_label = "boogie_tasks"
        verbose_name = _("slot")
        verbose_name_plural = _("slots")
        constraints = [
            models.UniqueConstraint(fields=["limit", "number"], name="boogie_tasks_slot_once")
        ]

    def __str__(self) -> str:
        return f"{self.limit} {self.number}"
