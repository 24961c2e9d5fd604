"""
Messages on boogie://: of plain Celery tasks, and what is said to all who listen.
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

    def ready_in(self, queues: list[str], since: float = 0.0) -> Self:
        """
        Free messages of ``queues``, in the order in which they are delivered.

        Those that were sent ``since`` seconds ago, or longer.
        """
        free = self.free().filter(queue__in=queues).order_by("-priority", "pk")
        return free.filter(created__lte=Moment(-since)) if since else free


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


# --- commands, answers and events -------------------------------------------------------


class ListenerQuerySet(StoredQuerySet["Listener"]):
    """Who listens on ``boogie://``."""

    def alive(self) -> Self:
        """Those that have said lately that they listen."""
        return self.filter(expires__gt=Moment())

    def expired(self) -> Self:
        """Those that have not: their process has ended, by force."""
        return self.filter(expires__lte=Moment())


class Listener(models.Model):
    """A queue of one process on ``boogie://``, bound to an exchange whose messages are for all."""

    id = models.BigAutoField(primary_key=True)
    queue = ExactCharField(_("queue"), max_length=255)
    exchange = ExactCharField(_("exchange"), max_length=255)
    routing_key = ExactCharField(_("routing key"), max_length=255, blank=True)
    #: The worker that is to be notified, on PostgreSQL.
    worker = ExactCharField(_("worker"), max_length=255, blank=True)
    #: Seconds for which a message waits to be read.
    keeps = models.FloatField(_("keeps"))
    expires = MomentField(_("expires"))

    objects = ListenerQuerySet.as_manager()

    class Meta:
        app_label = "boogie_tasks"
        verbose_name = _("listener")
        verbose_name_plural = _("listeners")
        indexes = [
            models.Index(fields=["exchange", "expires"], name="boogie_tasks_listener_exchange"),
            models.Index(fields=["queue"], name="boogie_tasks_listener_queue"),
        ]

    def __str__(self) -> str:
        return f"{self.queue} listens to {self.exchange}"


class AnnouncementQuerySet(StoredQuerySet["Announcement"]):
    """What was said and not read yet."""

    def fresh(self) -> Self:
        """Those that are still worth reading."""
        return self.filter(expires__gt=Moment())

    def expired(self) -> Self:
        """Those that nobody has read in time."""
        return self.filter(expires__lte=Moment())


class Announcement(models.Model):
    """A command, an answer or an event on ``boogie://``, for one listener; deleted when read."""

    id = models.BigAutoField(primary_key=True)
    queue = ExactCharField(_("queue"), max_length=255)
    #: The same in the copies of one message.
    tag = ExactCharField(_("tag"), max_length=36)
    worker = ExactCharField(_("worker"), max_length=255, blank=True)
    payload = models.TextField(_("payload"))
    expires = MomentField(_("expires"))

    objects = AnnouncementQuerySet.as_manager()

    class Meta:
        app_label = "boogie_tasks"
        verbose_name = _("announcement")
        verbose_name_plural = _("announcements")
        indexes = [
            models.Index(fields=["queue", "id"], name="boogie_tasks_announcement_q"),
            models.Index(fields=["expires"], name="boogie_tasks_announcement_old"),
        ]

    def __str__(self) -> str:
        return f"announcement {self.pk} for {self.queue}"
