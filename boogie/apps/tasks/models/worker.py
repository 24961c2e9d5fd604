"""
Workers: one row for each life of a Celery worker.
"""

from typing import Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from boogie.apps.tasks.conf import conf
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.db.connections import written_to
from boogie.apps.tasks.db.fields import ExactCharField
from boogie.apps.tasks.db.moments import MomentField

from .stored import StoredQuerySet


class WorkerQuerySet(StoredQuerySet["Worker"]):
    """Workers."""

    def alive(self, timeout: float) -> Self:
        """Workers heard of within ``timeout`` seconds of database time."""
        return self.filter(seen__gt=Moment(-timeout))

    def dead(self, timeout: float) -> Self:
        """Workers not heard of within ``timeout`` seconds of database time."""
        return self.filter(seen__lte=Moment(-timeout))

    def alike(self, queues: list[str], timeout: float) -> Self:
        """Living workers that consume from exactly these queues."""
        return self.alive(timeout).filter(queues=queues)

    def steady(self, seconds: float, gap: float) -> Self:
        """Workers whose heartbeats have come for ``seconds``, with no longer a gap than ``gap``."""
        return self.filter(steady__lte=Moment(-seconds), seen__gt=Moment(-gap))


class Worker(models.Model):
    """One life of a Celery worker's main process, kept alive by its heartbeat."""

    id = ExactCharField(primary_key=True, max_length=255)
    host = models.CharField(_("host"), max_length=255)
    pid = models.PositiveIntegerField(_("process id"))
    #: Where other processes see this one, and when it began there; empty: none does.
    place = ExactCharField(max_length=200, blank=True, default="")
    born = models.BigIntegerField(default=0)
    queues = models.JSONField(_("queues"), default=list, blank=True)
    concurrency = models.PositiveIntegerField(_("concurrency"), default=0)
    software = models.JSONField(_("software versions"), default=dict, blank=True)
    started = MomentField(_("started"), default=Moment)
    seen = MomentField(_("seen"), default=Moment)
    #: Since when no heartbeat was late: as long as that it may judge the silence of others.
    steady = MomentField(_("steady since"), default=Moment)
    #: Whether it could begin more at its last heartbeat: others leave to it what comes.
    has_room = models.BooleanField(default=True)
    #: On PostgreSQL: until when an idle worker of ``boogie://`` wants to be notified.
    listening = MomentField(_("listening until"), null=True)

    objects = WorkerQuerySet.as_manager()

    class Meta:
        app_label = "boogie_tasks"
        verbose_name = _("worker")
        verbose_name_plural = _("workers")
        get_latest_by = ["started", "pk"]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def is_alive(self) -> bool:
        """Whether its heartbeat is recent, by the database's clock (one query)."""
        workers = type(self).objects.using(written_to(self)).filter(pk=self.pk)
        return workers.alive(conf.WORKER_TIMEOUT).exists()
