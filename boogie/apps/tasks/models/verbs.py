"""
What can be done with one row: each verb is that of a queryset which holds it alone.
"""

from contextlib import suppress
from typing import Any

from django.db import models, transaction
from django.urls import reverse

from boogie.apps.tasks import registry
from boogie.apps.tasks.db.connections import written_to
from boogie.apps.tasks.db.reading import instances
from boogie.apps.tasks.exceptions import ObjectGone
from boogie.apps.tasks.lifecycle import parking, places, transitions
from boogie.apps.tasks.lifecycle.needs import leaving
from boogie.apps.tasks.loops import has_twin
from boogie.apps.tasks.serialization import payloads

from .asynchronous.rows import AwaitedRowVerbs
from .querysets import RowQuerySet


class Verbs(AwaitedRowVerbs, models.Model):
    """The verbs of a row. Each returns whether the row moved; the row is read anew."""

    class Meta:
        abstract = True

    def get_absolute_url(self) -> str:
        """Return the address of its page in the admin; ``NoReverseMatch`` if there is no admin."""
        row: Any = self
        return reverse("admin:boogie_tasks_task_change", args=[row.pk])

    @has_twin
    def get_arguments(self) -> tuple[list[Any], dict[str, Any]]:
        """
        Return ``(args, kwargs)`` with the instances that they refer to: a query for each model.

        Of rows from ``with_objects()`` as they were when these were read, without a query.

        The object is not among them. Raise :class:`ObjectGone` if an instance is gone; it names
        the argument.
        """
        row: Any = self
        found = instances.arguments(row.args, row.kwargs, row.kept_instances)
        if found.gone is not None:
            first, reason = found.gone
            raise ObjectGone(payloads.gone(registry.get(row.name), row.name, first, reason.why))
        return found.args, found.kwargs

    @has_twin
    def run(self) -> bool:
        """paused → queued; keeps ``scheduled_for``. Return whether the row moved."""
        return self._moved(transitions.run(self._itself()))

    @has_twin
    def pause(self) -> bool:
        """queued → paused. Return whether the row moved."""
        return self._left(self._moved(transitions.pause(self._itself())))

    @has_twin
    def cancel(self, terminate: bool = False) -> bool:
        """
        paused, queued or running → cancelled. Return whether the row moved.

        A running body learns of it at its next ``check_cancelled()``; whatever it
        still writes to the row is refused. ``terminate``: its worker also kills
        the process that runs it, within about a second, where the pool can.
        """
        return self._left(self._moved(transitions.cancel(self._itself(), terminate)))

    @has_twin
    def retry(self) -> bool:
        """
        failed or cancelled → queued, retries counted anew. Return whether the row moved.

        A unique one does not while another row has its place.
        """
        row: Any = self
        return self._moved(places.requeue_one(self._itself(), row))

    @has_twin
    def run_now(self) -> bool:
        """Have a queued row that waits for its time start at once. Return whether it moved."""
        return self._moved(transitions.run_now(self._itself()))

    @has_twin
    def acknowledge(self, by: models.Model | None = None) -> bool:
        """Have a failed row no longer count as open: ``by`` has seen it."""
        return self._moved(self._itself().acknowledge(by))

    def delete(self, using: Any = None, keep_parents: bool = False) -> tuple[int, dict[str, int]]:
        """As Django's; if it has not finished, rows that are after it are cancelled."""
        row: Any = self
        alias = using or written_to(row)
        with transaction.atomic(using=alias):
            if row.pk is not None:
                leaving.leave(type(row).objects.using(alias).filter(pk=row.pk))
            return super().delete(using=alias, keep_parents=keep_parents)

    delete.alters_data = True  # type: ignore[attr-defined]

    def _itself(self) -> RowQuerySet[Any]:
        row: Any = self
        found: RowQuerySet[Any] = type(row).objects.using(written_to(row)).filter(pk=row.pk)
        return found

    def _left(self, moved: bool) -> bool:
        """Tell that a row under limits waits, or runs, no more, if it has moved."""
        row: Any = self
        if moved and row.limits:
            parking.has_left.send_robust(sender=type(row), row=row)
        return moved

    def _moved(self, moved: int) -> bool:
        row: Any = self
        # One that was deleted meanwhile stays as it was read: it has not moved.
        with suppress(row.DoesNotExist):
            row.refresh_from_db(using=written_to(row))
        return bool(moved)
