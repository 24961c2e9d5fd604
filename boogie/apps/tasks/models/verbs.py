"""
What can be done with one row: each verb is that of a queryset which holds it alone.
"""

from typing import Any

from django.db import models

from boogie.apps.tasks.db.connections import written_to
from boogie.apps.tasks.lifecycle import transitions

from .querysets import RowQuerySet


class Verbs(models.Model):
    """The verbs of a row. Each returns whether the row moved; the row is read anew."""

    class Meta:
        abstract = True

    def run(self) -> bool:
        """paused → queued; keeps ``scheduled_for``. Return whether the row moved."""
        return self._moved(transitions.run(self._itself()))

    def pause(self) -> bool:
        """queued → paused. Return whether the row moved."""
        return self._moved(transitions.pause(self._itself()))

    def cancel(self, terminate: bool = False) -> bool:
        """
        paused, queued or running → cancelled. Return whether the row moved.

        A running body learns of it at its next ``check_cancelled()``; whatever it
        still writes to the row is refused. ``terminate``: its worker also kills
        the process that runs it, within about a second, where the pool can.
        """
        return self._moved(transitions.cancel(self._itself(), terminate))

    def retry(self) -> bool:
        """failed or cancelled → queued, retries counted anew. Return whether the row moved."""
        return self._moved(transitions.requeue(self._itself()))

    def run_now(self) -> bool:
        """Have a queued row that waits for its time start at once. Return whether it moved."""
        return self._moved(transitions.run_now(self._itself()))

    def acknowledge(self, by: models.Model | None = None) -> bool:
        """Have a failed row no longer count as open: ``by`` has seen it."""
        return self._moved(self._itself().acknowledge(by))

    def _itself(self) -> RowQuerySet[Any]:
        row: Any = self
        found: RowQuerySet[Any] = type(row).objects.using(written_to(row)).filter(pk=row.pk)
        return found

    def _moved(self, moved: int) -> bool:
        row: Any = self
        row.refresh_from_db(using=written_to(row))
        return bool(moved)
