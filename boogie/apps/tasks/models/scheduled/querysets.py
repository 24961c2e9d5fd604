"""
Schedules: which are due, which are late, and of which something is wrong.
"""

from typing import Any, Self

from django.db import models
from django.db.models import Q

from boogie.apps.tasks import registry, schedules
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.models import families
from boogie.apps.tasks.models.stored import StoredQuerySet


def is_known() -> Q:
    """Return the condition of schedules whose task, or declaration, this process has."""
    tasks = [name for task in registry.declared() for name in task.names]
    names = [one.name for one in schedules.declared()]
    return Q(declared=False, task__in=tasks) | Q(declared=True, name__in=names)


class ScheduleQuerySet(StoredQuerySet[Any]):
    """Schedules."""

    def for_object(self, obj: models.Model) -> Self:
        """Those about ``obj``, given as whichever class: a parent, a child, a proxy."""
        return self.filter(**families.whole(obj, self.to_write().db))

    def enabled(self) -> Self:
        """Those that are not paused."""
        # A bare column is no condition that SQLite looks up in an index.
        return self.filter(enabled__in=[True])

    def due(self, since: float = 0.0) -> Self:
        """Those with a slot that nobody has taken ``since`` seconds ago, or longer."""
        return self.enabled().filter(next_run__lte=Moment(-since))

    def open(self) -> Self:
        """Those with a slot of which only a part of the rows is made."""
        return self.filter(slot__isnull=False)

    def ready(self) -> Self:
        """Those that this process can make, and is to make now."""
        return self.filter(Q(retry_at=None) | Q(retry_at__lte=Moment())).filter(is_known())

    def gone(self) -> Self:
        """Those whose task, or declaration, this process has not."""
        return self.exclude(is_known())

    def stop(self, why: str) -> int:
        """Pause those that are not, and have them say why; return how many."""
        return self.enabled().update(enabled=False, slot=None, cursor="", error=why)

    def with_now(self) -> Self:
        """The same, each with the time at which it is read."""
        return self.annotate(now=Moment())

    def to_worry_about(self, late: float) -> Self:
        """
        Those that make no rows as they should: late by so many seconds, gone, failing, or without
        another slot.
        """
        is_late = Q(next_run__lte=Moment(-late)) | Q(next_run=None)
        wrong: Any = is_late | Q(error__gt="") | ~is_known()
        return self.enabled().filter(wrong)
