"""
The table of schedules: a task, an object or the declared ones, and when a row is made next.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ObjectDoesNotExist
from django.db import models
from django.utils.translation import gettext_lazy as _

from boogie.apps.tasks import registry, schedules
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.db.fields import DictField, ExactCharField, JSONField, PartialIndex
from boogie.apps.tasks.db.moments import MomentField, in_utc
from boogie.apps.tasks.models import columns
from boogie.apps.tasks.models.objects.about import AboutObject
from boogie.apps.tasks.models.people import Person
from boogie.apps.tasks.protocols import Declaration
from boogie.apps.tasks.recurrence import when as recurrence
from boogie.apps.tasks.recurrence import zones
from boogie.apps.tasks.serialization import references

from .querysets import ScheduleQuerySet
from .verbs import ScheduleVerbs

#: What the machine writes, and nobody edits.
MACHINE: dict[str, Any] = {"blank": True, "default": "", "editable": False}

#: What may be changed without another value being assigned; and what no field has.
MUTABLE, NEVER = ("args", "kwargs"), object()

MISSED = [
    (schedules.ONCE, _("made up for, once for all of them")),
    (schedules.SKIP, _("skipped")),
]


class Schedule(ScheduleVerbs, AboutObject):
    """A task that makes rows again and again: about one object, or about those it declares."""

    name = ExactCharField(_("name"), max_length=schedules.MAX_NAME, unique=True)
    #: The name of the task.
    task = ExactCharField(_("task"), max_length=255)
    #: Whether it is what code declares with ``@recurring``.
    declared = models.BooleanField(_("declared"), default=False, editable=False)
    content_type = models.ForeignKey(
        ContentType,
        models.CASCADE,
        related_name="+",
        null=True,  # of those that are about the objects that their declaration tells
        blank=True,
        db_constraint=False,
        verbose_name=_("object type"),
    )
    object_id = ExactCharField(_("object id"), max_length=references.MAX_KEY_LENGTH, blank=True)
    object_db = models.CharField(_("object database"), max_length=63, blank=True)
    args = JSONField(_("arguments"), default=list, blank=True)
    kwargs = JSONField(_("keyword arguments"), default=dict, blank=True)
    #: Five fields of cron, or a length of time as ISO 8601 has it.
    when = models.CharField(_("when"), max_length=recurrence.MAX_TEXT)
    time_zone = models.CharField(_("time zone"), max_length=zones.MAX_NAME)
    missed = models.CharField(
        _("missed slots"), max_length=10, choices=MISSED, default=schedules.ONCE
    )
    enabled = models.BooleanField(_("enabled"), default=True)
    #: The next slot; ``None``: there is none any more.
    next_run = MomentField(_("next run"), null=True, editable=True)
    #: When a slot was taken last.
    last_run = MomentField(_("last run"), null=True)
    #: Other options of its rows: queue, priority, expires.
    options = DictField(_("options"))
    requested_by_id = ExactCharField(
        _("requested by"), max_length=references.MAX_KEY_LENGTH, **MACHINE
    )
    requested_by_name = models.CharField(_("requested by"), max_length=255, **MACHINE)
    created = MomentField(_("created"), default=Moment)
    #: A slot of which only a part of the rows is made, and the key of the last object of that.
    slot = MomentField(_("slot"), null=True)
    cursor = ExactCharField(_("cursor"), max_length=references.MAX_KEY_LENGTH, **MACHINE)
    #: Why a slot could not be made, and from when on it is tried again.
    error = models.TextField(_("error"), **MACHINE)
    retry_at = MomentField(_("tried again"), null=True)

    requested_by = Person("The user who asks for its rows, or ``None``.")

    #: A schedule is never of Django Tasks: those have no object.
    backend = ""

    objects = ScheduleQuerySet.as_manager()

    class Meta:
        app_label = "boogie_tasks"
        verbose_name = _("schedule")
        verbose_name_plural = _("schedules")
        get_latest_by = "created"
        indexes = [
            models.Index(fields=["enabled", "next_run"], name="boogie_tasks_schedule_due"),
            PartialIndex(
                fields=["slot"], where=models.Q(slot__isnull=False), name="boogie_tasks_sched_open"
            ),
            models.Index(fields=["object_id", "content_type"], name="boogie_tasks_schedule_object"),
        ]

    def __str__(self) -> str:
        return str(self.name)

    @classmethod
    def from_db(cls, *args: Any, **options: Any) -> Any:
        """Read one, and note what it had: of that ``save()`` writes what was changed."""
        one: Any = super().from_db(*args, **options)
        one._note_read()
        return one

    def save(self, *args: Any, **options: Any) -> None:
        """
        Save it; of a stored one what was changed since it was read, and what keepers write never.

        A stale instance would otherwise have a slot made again that a keeper has taken.
        """
        if not self._state.adding and options.get("update_fields") is None:
            options["update_fields"] = self._changed()
        super().save(*args, **options)
        columns.of(type(self)).forget_computed(self)
        self._note_read()

    def _note_read(self) -> None:
        vars(self)["_read"] = {name: v for name, v in vars(self).items() if name != "_read"}

    def _changed(self) -> Iterable[str]:
        before = vars(self).get("_read", {})
        own = columns.of(type(self))
        return [
            field.name
            for field in self._meta.concrete_fields
            if field.name in own.saved
            and field.attname in vars(self)
            and (
                field.name in MUTABLE
                or before.get(field.attname, NEVER) != vars(self)[field.attname]
            )
        ]

    def refresh_from_db(self, *args: Any, **options: Any) -> None:
        """Read it anew."""
        super().refresh_from_db(*args, **options)
        self._note_read()

    # --- what it is about -----------------------------------------------------------------

    def object_place(self) -> tuple[type[models.Model], Any]:
        """Return the model and the key of the object; ``ObjectDoesNotExist`` if there is none."""
        if self.content_type_id is None:
            raise ObjectDoesNotExist(f"{self.name} is about the objects that code declares")
        return super().object_place()

    @property
    def declaration(self) -> Declaration | None:
        """The task, as this process declares it; ``None``: it does not."""
        return registry.get(self.task)

    @property
    def recurring(self) -> schedules.Recurring | None:
        """What code declares, of a declared one; ``None``: nothing, or no more."""
        return schedules.get(self.name) if self.declared else None

    @property
    def is_gone(self) -> bool:
        """Whether its task, or its declaration, is gone: then it does nothing."""
        return self.recurring is None if self.declared else self.declaration is None

    # --- when -----------------------------------------------------------------------------

    @property
    def recurrence(self) -> recurrence.When:
        """When it is due, as it can be asked for slots."""
        return recurrence.of_text(self.when)

    def next_after(self, moment: datetime) -> datetime | None:
        """
        Return the first slot strictly after ``moment``, an aware datetime, in UTC.

        ``None``: there is none any more. Slots of a ``timedelta`` are counted from ``next_run``.
        Raise ``ValueError`` for a naive ``moment``.
        """
        begin = moment if self.next_run is None else in_utc(self.next_run)
        return recurrence.next_after(self.recurrence, self.time_zone, moment, begin)
