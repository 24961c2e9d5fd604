"""
Messages of plain Celery tasks on boogie://.
"""

from typing import Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.db.fields import ExactCharField, PartialIndex
from boogie.apps.tasks.db.moments import MomentField

from .stored import StoredQuerySet


class MessageQuerySet(StoredQuerySet["Message"]):
    """Messages of plain Celery tasks on ``boogie://``."""

    def free(self) -> Self:
        """Messages that no worker holds."""
        return self.filter(worker="")

    def held(self) -> Self:
        """Messages that a worker has and has not acknowledged."""
        # Not ``exclude(worker="")``: no index finds that.
        return self.filter(worker__gt="")

    def give_back(self) -> int:
        """Have them delivered again, to whomever; a task can see that in its ``delivery_info``."""
        return self.update(worker="", redelivered=True)

    def ready_in(self, queues: list[str]) -> Self:
        """Free messages of ``queues``, in the order in which they are delivered."""
        return self.free().filter(queue__in=queues).order_by("-priority", "pk")


class Message(models.Model):
    """A message of a plain Celery task on ``boogie://``; deleted when acknowledged."""

    id = models.BigAutoField(primary_key=True)
    queue = ExactCharField(_("queue"), max_length=255)
    priority = models.PositiveSmallIntegerField(_("priority"), default=0)
    payload = models.TextField(_("payload"))
    worker = ExactCharField(_("worker"), max_length=255, blank=True)
    redelivered = models.BooleanField(_("redelivered"), default=False)
    created = MomentField(_("created"), default=Moment)

    objects = MessageQuerySet.as_manager()

    class Meta:
        app_label = "boogie_tasks"
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        get_latest_by = "id"
        indexes = [
            models.Index(
                fields=["queue", "worker", "-priority", "id"], name="boogie_tasks_message_free"
            ),
            PartialIndex(
                fields=["worker"], where=Q(worker__gt=""), name="boogie_tasks_message_held"
            ),
        ]

    def __str__(self) -> str:
        return f"message {self.pk} in {self.queue}"
