"""
Rows that belong together, and what is to be called when they have ended.
"""

from typing import Any, Self

from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ObjectDoesNotExist
from django.db import DEFAULT_DB_ALIAS, models
from django.db.models import Count
from django.utils.translation import gettext_lazy as _

from boogie.apps.tasks.db import compiled
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.db.connections import written_to
from boogie.apps.tasks.db.fields import ExactCharField, PartialIndex
from boogie.apps.tasks.db.moments import MomentField
from boogie.apps.tasks.lifecycle import states
from boogie.apps.tasks.loops import has_twin
from boogie.apps.tasks.models import families
from boogie.apps.tasks.models.people import Person
from boogie.apps.tasks.models.stored import StoredQuerySet
from boogie.apps.tasks.models.task import Task, TaskQuerySet
from boogie.apps.tasks.serialization import references
from boogie.apps.tasks.serialization.progress import Progress

from .verbs import AwaitedBatchVerbs
from .waiting import wait


class BatchQuerySet(StoredQuerySet["Batch"]):
    """Batches."""

    def running(self) -> Self:
        """Those with rows that have not ended."""
        return self.filter(ended=None)

    def over(self) -> Self:
        """Those whose rows have all ended."""
        return self.filter(ended__isnull=False)


class Batch(AwaitedBatchVerbs, models.Model):
    """Rows that belong together. What has become of them is read from them, not counted here."""

    id = models.BigAutoField(primary_key=True)
    title = models.CharField(_("title"), max_length=255, blank=True)
    content_type = models.ForeignKey(
        ContentType,
        models.CASCADE,
        related_name="+",
        null=True,
        db_index=False,
        db_constraint=False,
        verbose_name=_("object type"),
    )
    object_id = ExactCharField(
        _("object id"), max_length=references.MAX_KEY_LENGTH, blank=True, default=""
    )
    object_db = models.CharField(_("object database"), max_length=63, default=DEFAULT_DB_ALIAS)
    created = MomentField(_("created"), default=Moment)
    #: When all its rows had ended the last time; ``None``: some have not.
    ended = MomentField(_("ended"), null=True)
    #: What it came to then; empty while it runs.
    outcome = ExactCharField(_("outcome"), max_length=20, blank=True, default="")
    #: Rows that were deleted: those that had finished, and all others.
    deleted_finished = models.PositiveIntegerField(default=0)
    deleted_others = models.PositiveIntegerField(default=0)
    #: The names of the tasks that are called, and the rows that were made of them.
    on_success = ExactCharField(max_length=255, blank=True, default="")
    on_failure = ExactCharField(max_length=255, blank=True, default="")
    on_end = ExactCharField(max_length=255, blank=True, default="")
    success_id: Any = models.UUIDField(null=True)
    failure_id: Any = models.UUIDField(null=True)
    end_id: Any = models.UUIDField(null=True)
    requested_by_id = ExactCharField(
        _("requested by"), max_length=references.MAX_KEY_LENGTH, blank=True, default=""
    )
    requested_by_name = models.CharField(_("requested by"), max_length=255, blank=True, default="")

    requested_by = Person("The user who asked for it, or ``None``.")

    objects = BatchQuerySet.as_manager()

    class Meta:
        app_label = "boogie_tasks"
        verbose_name = _("batch")
        verbose_name_plural = _("batches")
        get_latest_by = "created"
        indexes = [
            PartialIndex(
                fields=["ended", "id"],
                where=models.Q(ended__isnull=True),
                name="boogie_tasks_batch_running",
            ),
            models.Index(fields=["outcome", "ended"], name="boogie_tasks_batch_outcome"),
        ]

    def __str__(self) -> str:
        return self.title or f"{self._meta.verbose_name} {self.pk}"

    # --- what it is about -------------------------------------------------------------

    @property
    def object(self) -> models.Model | None:
        """The object as it is stored now; ``None`` if there is none."""
        row: Any = self
        if self.content_type_id is None:
            return None
        model = families.type_of(row).model_class()
        if model is None:
            return None
        key = references.key_value(model, self.object_id)
        try:
            found: models.Model = compiled.get(model._base_manager, self.object_db, key)
        except ObjectDoesNotExist:
            return None
        return found

    @property
    def rows(self) -> TaskQuerySet:
        """Its rows; what it calls at its end is not among them."""
        return Task.objects.using(self._state.db).filter(batch_id=self.pk, batch_id__isnull=False)

    # --- how far it is ----------------------------------------------------------------

    @property
    def status(self) -> str:
        """``running``, or what it came to: ``finished``, ``failed`` or ``cancelled``."""
        return str(self.outcome) or states.RUNNING

    @property
    def is_ended(self) -> bool:
        """Whether all its rows have ended."""
        return self.ended is not None

    @has_twin
    def counts(self) -> dict[str, int]:
        """Return how many rows have each status; deleted ones count as finished or cancelled."""
        counted = self.rows.order_by().values_list("status").annotate(number=Count("pk"))
        found = {str(status): 0 for status, _label in states.STATUS} | dict(counted)
        found[states.FINISHED] += self.deleted_finished
        found[states.CANCELLED] += self.deleted_others
        return found

    @property
    def progress(self) -> Progress:
        """How many rows have ended, and of how many; ``fraction`` is 0 to 1."""
        return self.progress_of(self.counts())

    def progress_of(self, counts: dict[str, int]) -> Progress:
        """Return what :attr:`progress` is where ``counts`` have been read."""
        total = sum(counts.values())
        done = sum(counts[status] for status in states.ENDED)
        fraction = done / total if total else float(self.is_ended)
        return Progress(done=done, total=total, fraction=fraction)

    # --- verbs ------------------------------------------------------------------------

    @has_twin
    def cancel(self) -> int:
        """Cancel its rows that have not ended; return how many moved."""
        return self._moved(self._rows_to_write().exclude(status__in=states.ENDED).cancel())

    @has_twin
    def retry(self) -> int:
        """Queue its failed rows again, which reopens it; return how many moved."""
        return self._moved(self._rows_to_write().failed().retry())

    def wait(self, timeout: float | None = None) -> "Batch":
        """
        Wait until it has ended; return it.

        ``timeout`` is in seconds. Raise :class:`TaskFailed` or :class:`TaskCancelled` if that is
        its status then, ``TimeoutError`` when the time is over; ``RuntimeError`` in a transaction
        that would never see the end.
        """
        wait(self, timeout)
        return self

    def _rows_to_write(self) -> TaskQuerySet:
        return self.rows.using(written_to(self))

    def _moved(self, moved: int) -> int:
        self.refresh_from_db(using=written_to(self))
        return moved
