"""
The table of rows: its fields, and thin methods that call the rooms below.
"""

from collections.abc import Collection, Iterable
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import DEFAULT_DB_ALIAS, connections, models, router
from django.utils.translation import gettext_lazy as _
from model_utils.fields import StatusField

from boogie.apps.tasks.db import compiled
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.db.fields import ExactCharField, JSONField, ListField, ProgressField
from boogie.apps.tasks.db.ids import uuid7
from boogie.apps.tasks.db.moments import MomentField
from boogie.apps.tasks.lifecycle import states
from boogie.apps.tasks.serialization import references

from . import columns, families
from .editing import refuse_edits
from .people import Person
from .querysets import RowQuerySet
from .results import deserialized, wait
from .schema import CONSTRAINTS, INDEXES, PERMISSIONS, explained
from .status import AssignedStatus, HasStatus
from .verbs import Verbs

#: Text that the machine writes; what no row has takes no part in an INSERT.
MACHINE_TEXT: dict[str, Any] = {"blank": True, "default": "", "db_default": "", "editable": False}


class TaskQuerySet(RowQuerySet["Task"]):
    """Rows of the table. What they can be asked and told is :class:`RowQuerySet`'s."""

    def bulk_create(self, objs: Iterable["Task"], *args: Any, **options: Any) -> list["Task"]:
        """As Django's, with words for rows that make no sense."""
        with explained():
            rows = super().bulk_create(objs, *args, **options)
        for row in rows:
            columns.of(self.model).forget_computed(row)
        return rows

    def bulk_update(self, objs: Any, fields: Iterable[str], batch_size: int | None = None) -> int:
        """As Django's, for what no transition writes."""
        columns.of(self.model).refuse_machine(names := list(fields))
        return super().bulk_update(objs, names, batch_size)


class Task(Verbs):
    """One recorded run of a task on one object."""

    STATUS = states.STATUS

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = ExactCharField(_("task"), max_length=255)
    content_type = models.ForeignKey(
        ContentType,
        models.CASCADE,
        related_name="+",
        db_index=False,
        db_constraint=False,  # each INSERT would lock the one row that all share
        verbose_name=_("object type"),
    )
    object_id = ExactCharField(_("object id"), max_length=references.MAX_KEY_LENGTH)
    object_db = models.CharField(_("object database"), max_length=63, default=DEFAULT_DB_ALIAS)
    args = JSONField(_("arguments"), default=list, blank=True)
    kwargs = JSONField(_("keyword arguments"), default=dict, blank=True)
    status = StatusField(_("status"), db_index=False, editable=False)
    status.descriptor_class = AssignedStatus
    result = JSONField(_("result"), null=True, blank=True, editable=False)
    errors = JSONField(_("errors"), default=list, blank=True, editable=False)
    attempt = models.IntegerField(_("attempt"), default=0, db_default=0, editable=False)
    retries = models.IntegerField(_("retries"), default=0, db_default=0, editable=False)
    losses = models.IntegerField(_("losses"), default=0, db_default=0, editable=False)
    queue = ExactCharField(_("queue"), max_length=255, blank=True)
    priority = models.SmallIntegerField(
        _("priority"), default=0, validators=[MinValueValidator(0), MaxValueValidator(9)]
    )
    worker = ExactCharField(_("worker"), max_length=255, **MACHINE_TEXT)
    pid = models.IntegerField(_("process id"), null=True, blank=True, editable=False)
    created = MomentField(_("created"), default=Moment)
    scheduled_for = MomentField(_("scheduled for"), null=True)
    rescue = models.BooleanField(_("rescue"), default=True, db_default=True, editable=False)
    terminate = models.BooleanField(_("terminate"), default=False, db_default=False, editable=False)
    not_before = MomentField(_("not before"), null=True)
    due = MomentField(_("due"), null=True)
    started = MomentField(_("started"), null=True)
    ended = MomentField(_("ended"), null=True)
    progress = ProgressField(_("progress"), null=True, blank=True, editable=False)
    #: When the progress moved last.
    progressed = MomentField(_("progressed"), null=True)
    log = ListField(_("log"))
    requested_by_id = ExactCharField(
        _("requested by"), max_length=references.MAX_KEY_LENGTH, **MACHINE_TEXT
    )
    requested_by_name = models.CharField(_("requested by"), max_length=255, **MACHINE_TEXT)
    #: The row whose body made this one.
    parent_id = models.UUIDField(_("parent"), null=True, blank=True, editable=False)
    #: Of a failed row, the type of the error that it failed with.
    error_type = ExactCharField(_("error type"), max_length=255, **MACHINE_TEXT)
    acknowledged = MomentField(_("acknowledged"), null=True)
    acknowledged_by_id = ExactCharField(
        _("acknowledged by"), max_length=references.MAX_KEY_LENGTH, **MACHINE_TEXT
    )

    requested_by = Person("The user who asked for the row, or ``None``.")
    acknowledged_by = Person("The user who has seen that the row failed, or ``None``.")

    objects = TaskQuerySet.as_manager()

    class Meta:
        app_label = "boogie_tasks"
        verbose_name = _("task")
        verbose_name_plural = _("tasks")
        indexes = INDEXES
        constraints = CONSTRAINTS
        permissions = PERMISSIONS
        get_latest_by = ["created", "pk"]

    def __str__(self) -> str:
        return f"{self.name}({self.object_id}) {self.status}"

    # --- storing ----------------------------------------------------------------------

    def save(self, *args: Any, **options: Any) -> None:
        """
        Save the row; what only a transition may change is left alone once it is stored.

        A stale instance would otherwise undo the transitions that it has not seen.
        Raise ``ValueError`` if such a field is in ``update_fields``, or the status
        was assigned.
        """
        own = columns.of(type(self))
        if not self._state.adding:
            asked = options.get("update_fields")
            own.refuse_machine(asked or AssignedStatus.changed(self))
            if asked is None:
                options["update_fields"] = own.saved - self.get_deferred_fields()
        with explained():
            super().save(*args, **options)
        own.forget_computed(self)

    def refresh_from_db(self, *args: Any, **options: Any) -> None:
        """Read the row anew, and forget a status that was assigned."""
        super().refresh_from_db(*args, **options)
        AssignedStatus.forget(self)

    def clean_fields(self, exclude: Collection[str] | None = None) -> None:
        """As Django's; also whether there is a database ``object_db``."""
        super().clean_fields(exclude=exclude)
        if "object_db" not in (exclude or ()) and self.object_db not in connections:
            message = _("DATABASES has no %(value)r.")
            params = {"value": self.object_db}
            raise ValidationError({"object_db": ValidationError(message, "invalid", params)})

    def clean(self) -> None:
        """Check that ``object_id`` could be a key of the object's model."""
        kinds = ContentType.objects.db_manager(self._state.db)
        kind = kinds.filter(pk=self.content_type_id).first()
        if kind and (model := kind.model_class()):
            references.key_value(model, self.object_id)

    # --- the object -------------------------------------------------------------------

    def get_object(self) -> models.Model:
        """
        Read the object from the database that it came from, hidden ones included.

        Raise ``ObjectDoesNotExist`` if it, or its model, is gone.
        """
        kind = families.type_of(self)
        model: type[models.Model] | None = kind.model_class()
        if model is None:
            raise ObjectDoesNotExist(f"the model {kind} is not installed")
        key = references.key_value(model, self.object_id)
        obj: models.Model = compiled.get(model._base_manager, self.object_db, key)
        return obj

    @property
    def object(self) -> models.Model | None:
        """The object as it is stored now, one query each time; ``None`` once deleted."""
        try:
            return self.get_object()
        except ObjectDoesNotExist:
            return None

    @object.setter
    def object(self, obj: models.Model | None) -> None:
        obj = references.check_object("Task.object", obj)
        self.content_type = families.type_for(type(obj), self._state.db)
        self.object_id = references.checked_key("Task.object", obj)
        self.object_db = router.db_for_write(type(obj), instance=obj)

    # --- the outcome ------------------------------------------------------------------

    def get_result(self) -> Any:
        """Return the deserialized result; ``None`` unless the row has finished."""
        return deserialized(self.name, self.result) if self.is_finished else None

    @property
    def error(self) -> str | None:
        """
        The last error as ``Type: message``, or ``None``.

        ``None`` for a finished row, whose errors are of earlier attempts; ``errors`` has them.
        """
        if not self.errors or self.is_finished:
            return None
        last = self.errors[-1]
        kind = last["type"].rpartition(".")[2]
        return f"{kind}: {last['message']}" if last["message"] else kind

    def wait(self, timeout: float | None = None) -> Any:
        """
        Wait until the row has ended; return its deserialized result.

        ``timeout`` is in seconds. Raise :class:`TaskFailed`, :class:`TaskCancelled`,
        or ``TimeoutError`` when the time is over; ``RuntimeError`` in a transaction that
        would never see the end, such as the one that made the row.
        """
        return wait(self, timeout)

    # --- status -----------------------------------------------------------------------

    is_paused = HasStatus(states.PAUSED)
    is_queued = HasStatus(states.QUEUED)
    is_running = HasStatus(states.RUNNING)
    is_finished = HasStatus(states.FINISHED)
    is_failed = HasStatus(states.FAILED)
    is_cancelled = HasStatus(states.CANCELLED)

    @property
    def is_ended(self) -> bool:
        return self.status in states.ENDED


refuse_edits(Task)
