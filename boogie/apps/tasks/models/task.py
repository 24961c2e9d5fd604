"""
The table of rows: its fields, and thin methods that call the rooms below.
"""

from collections.abc import Iterable
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import DEFAULT_DB_ALIAS, models
from django.utils.translation import gettext_lazy as _
from model_utils.fields import StatusField

from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.db.fields import (
    DictField,
    ExactCharField,
    JSONField,
    ListField,
    ProgressField,
)
from boogie.apps.tasks.db.ids import uuid7
from boogie.apps.tasks.db.moments import MomentField
from boogie.apps.tasks.lifecycle import states, wiping
from boogie.apps.tasks.serialization import references

from . import columns
from .chained.chain import Chained
from .editing import Validated, refuse_edits
from .objects.about import AboutObject
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


class Task(Validated, AboutObject, Chained, Verbs):
    """One recorded run of a task on one object, or of a function of Django Tasks on none."""

    STATUS = states.STATUS

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = ExactCharField(_("task"), max_length=255)
    content_type = models.ForeignKey(
        ContentType,
        models.CASCADE,
        related_name="+",
        null=True,  # of a function of Django Tasks, which is about no object
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
    #: By when it is to be started; of its first attempt.
    expires = MomentField(_("expires"), null=True)
    #: When somebody is to look at it next; nobody looks at one that is held back.
    due = MomentField(_("due"), null=True)
    #: What a queued row waits for besides its time: a limit's key, or what is held.
    held_by = ExactCharField(_("held back by"), max_length=270, **MACHINE_TEXT)
    #: The batch that it is of.
    batch_id = models.BigIntegerField(_("batch"), null=True, blank=True, editable=False)
    #: Whether a row that it is after has not finished; ``None``: it is after none.
    is_after = models.BooleanField(_("after others"), null=True, editable=False)
    #: Whether another row is after it: to be told when it ends.
    is_needed = models.BooleanField(_("needed"), default=False, db_default=False, editable=False)
    #: The limits that it is under: taken when it was made.
    limits = JSONField(_("limits"), null=True, blank=True, editable=False)
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
    #: What travels with the row, by the dotted path of its context.
    context = DictField(_("context"))
    #: The row whose body made this one.
    parent_id = models.UUIDField(_("parent"), null=True, blank=True, editable=False)
    #: Of a failed row, the type of the error that it failed with.
    error_type = ExactCharField(_("error type"), max_length=255, **MACHINE_TEXT)
    acknowledged = MomentField(_("acknowledged"), null=True)
    acknowledged_by_id = ExactCharField(
        _("acknowledged by"), max_length=references.MAX_KEY_LENGTH, **MACHINE_TEXT
    )
    #: Of a unique task what no two living rows have in common; whether it is so while it runs.
    unique_key = ExactCharField(_("unique key"), max_length=64, **MACHINE_TEXT)
    unique_running = models.BooleanField(
        _("unique while running"), default=False, db_default=False, editable=False
    )
    #: What becomes of it when it ends: nothing, it is blanked, or deleted.
    wipe = models.SmallIntegerField(
        _("wipe at its end"), default=wiping.NOTHING, db_default=wiping.NOTHING, editable=False
    )
    #: When what it carried was taken out: it does not run again.
    erased = MomentField(_("erased"), null=True)

    #: Of a row without an object, the alias of the backend of Django Tasks that made it.
    backend = ExactCharField(_("backend"), max_length=255, **MACHINE_TEXT)
    #: Of such a row, by whom and when it was claimed, each time.
    claims = ListField(_("claims"))

    requested_by = Person("The user who asked for the row, or ``None``.")
    acknowledged_by = Person("The user who has seen that the row failed, or ``None``.")

    #: Whether the call that returned this instance made the row.
    is_new = False
    #: Of a new one, whether it joins a batch that others may end at the same moment.
    joins = False

    objects = TaskQuerySet.as_manager()

    class Meta:
        app_label = "boogie_tasks"
        verbose_name = _("task")
        verbose_name_plural = _("tasks")
        indexes = INDEXES
        constraints = CONSTRAINTS
        permissions = PERMISSIONS
        # No ordering: it would be a sort in queries that ask for none. Ids are in order of time.
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

    # --- the outcome ------------------------------------------------------------------

    def get_result(self) -> Any:
        """Return the deserialized result; ``None`` unless the row has finished, and has it yet."""
        has_it = self.is_finished and self.erased is None
        return deserialized(self.name, self.result) if has_it else None

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
