"""
Holds: what is not to start now, since when, who said so, and why.
"""

from typing import Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.db.fields import ExactCharField
from boogie.apps.tasks.db.moments import MomentField
from boogie.apps.tasks.lifecycle import holding
from boogie.apps.tasks.models.people import Person
from boogie.apps.tasks.models.stored import StoredQuerySet


class HoldQuerySet(StoredQuerySet["Hold"]):
    """Holds."""

    def active(self) -> Self:
        """Those that hold rows back."""
        return self.filter(released=None)

    def over(self) -> Self:
        """Those that were released, and of which something may still be left to do."""
        return self.filter(released__isnull=False)


class Hold(models.Model):
    """A queue or a task of which no row starts. What was released stays for some seconds."""

    #: As rows that it holds back have it in ``held_by``.
    key = ExactCharField(_("what is held"), primary_key=True, max_length=270)
    reason = models.CharField(_("reason"), max_length=1000, blank=True)
    #: The key of who held it, and what they were called then.
    by_id = ExactCharField(max_length=255, blank=True)
    by_name = models.CharField(_("held by"), max_length=255, blank=True)
    since = MomentField(_("since"), default=Moment)
    released = MomentField(_("released"), null=True)

    by = Person("The user who held it; ``None``: nobody said so, or the user is gone.")
    objects = HoldQuerySet.as_manager()

    class Meta:
        app_label = "boogie_tasks"
        verbose_name = _("hold")
        verbose_name_plural = _("holds")
        get_latest_by = "since"

    def __str__(self) -> str:
        return str(self.key)

    @property
    def kind(self) -> str:
        """What is held: ``queue`` or ``task``."""
        return str(self.key.partition(":")[0])

    @property
    def name(self) -> str:
        """Which queue, or which task."""
        return str(self.key.partition(":")[2])

    @property
    def is_of_queue(self) -> bool:
        """Whether it holds a queue; else a task."""
        return self.key.startswith(holding.QUEUE)
