"""
Of ``Task``: indexes, what is found without a scan; constraints, what must hold.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import IntegrityError, models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from boogie.apps.tasks import priorities
from boogie.apps.tasks.db.fields import PartialIndex
from boogie.apps.tasks.lifecycle import places, states

#: Those that somebody is to look at: not what is held back.
LOOKED_AT = Q(status=states.QUEUED, due__isnull=False)

#: By which index workers find what they are to run.
READY = "boogie_tasks_task_ready"

INDEXES: list[models.Index] = [
    # Of all that are queued, also what is held back: whoever counts them reads this one.
    PartialIndex(fields=["due"], where=Q(status=states.QUEUED), name="boogie_tasks_task_due"),
    PartialIndex(fields=["queue", "-priority", "due"], where=LOOKED_AT, name=READY),
    PartialIndex(
        fields=["held_by", "id"],
        where=Q(status=states.QUEUED, held_by__gt=""),
        besides=["status", "due"],  # paused rows keep their place in a line
        name="boogie_tasks_task_held",
    ),
    PartialIndex(
        fields=["worker"], where=Q(status=states.RUNNING), name="boogie_tasks_task_running"
    ),
    PartialIndex(fields=["worker"], where=Q(terminate=True), name="boogie_tasks_task_terminate"),
    PartialIndex(
        fields=["status", "ended", "id"],
        where=Q(ended__isnull=False),
        # Of rows that have not ended: metrics and health ask for all that wait, and since when.
        besides=["name", "queue", "not_before", "created"],
        name="boogie_tasks_task_ended",
    ),
    models.Index(
        fields=["object_id", "content_type", "id", "name"],
        name="boogie_tasks_task_object",
    ),
    models.Index(fields=["name", "status", "created"], name="boogie_tasks_task_name"),
    PartialIndex(
        fields=["status", "id"],
        where=Q(status=states.PAUSED),
        name="boogie_tasks_task_paused",
    ),
    PartialIndex(
        # "ended", not "status": where indexes are of all rows, one that began with that would be
        # taken for the lists of a status, which are in another order.
        fields=["ended", "expires"],
        where=Q(ended__isnull=True, expires__isnull=False),
        name="boogie_tasks_task_expires",
    ),
    PartialIndex(
        fields=["requested_by_id", "id"],
        where=Q(requested_by_id__gt=""),
        name="boogie_tasks_task_requested",
    ),
    PartialIndex(
        fields=["parent_id", "id"],
        where=Q(parent_id__isnull=False),
        name="boogie_tasks_task_parent",
    ),
    PartialIndex(
        fields=["batch_id", "id"],
        where=Q(batch_id__isnull=False),
        name="boogie_tasks_task_batch",
    ),
    PartialIndex(  # whether a batch has ended; elsewhere the one above serves
        fields=["batch_id", "id"],
        where=Q(batch_id__isnull=False, ended__isnull=True),
        name="boogie_tasks_task_batch_open",
        elsewhere=False,
    ),
    PartialIndex(  # failures that nobody has acknowledged
        # "acknowledged" for databases that have no partial indexes.
        fields=["name", "error_type", "acknowledged", "ended", "id"],
        where=Q(status=states.FAILED, acknowledged__isnull=True),
        name="boogie_tasks_task_failures",
    ),
]

#: What may be permitted besides Django's own: verbs, by what they do to a row.
PERMISSIONS: list[tuple[str, Any]] = [
    ("run_task", _("Can run and pause tasks")),
    ("cancel_task", _("Can cancel tasks")),
    ("retry_task", _("Can retry tasks and acknowledge failures")),
    ("erase_task", _("Can erase what tasks carry")),
]

HAS_STARTED = Q(started__isnull=False, attempt__gt=0)

#: What holds of a row, by its status. One expression for them all: PostgreSQL reads each
#: constraint anew in every INSERT and UPDATE, which costs more than to check it. No ``Case``:
#: Django takes an ``isnull`` in its results for one in its conditions when it validates.
COHERENT = (
    Q(status=states.QUEUED, ended__isnull=True) & (Q(due__isnull=False) | Q(held_by__gt=""))
    | Q(status=states.RUNNING, due__isnull=True, ended__isnull=True) & HAS_STARTED
    | Q(status__in=[states.FINISHED, states.FAILED], due__isnull=True, ended__isnull=False)
    & HAS_STARTED
    | Q(status=states.CANCELLED, due__isnull=True, ended__isnull=False)
    | Q(status=states.PAUSED, due__isnull=True, ended__isnull=True)
)

INCOHERENT = _(
    "The fields of a row must fit its status: a queued row needs 'due', or to be held "
    "back; a running one 'started' "
    "and an 'attempt' above 0; a finished or failed one both and 'ended'; a cancelled one 'ended'. "
    "Other rows than queued ones have no 'due', rows that have not ended no 'ended'. Make rows by "
    "calling their task; move them with run(), pause(), cancel() and retry()."
)

#: What a row is about: an object; or none, as of functions of Django Tasks, with its priorities.
ABOUT = Q(
    backend="",
    content_type__isnull=False,
    priority__gte=min(priorities.OF_TASKS),
    priority__lte=max(priorities.OF_TASKS),
) | Q(
    backend__gt="",
    content_type__isnull=True,
    object_id="",
    object_db="",
    priority__gte=min(priorities.OF_FUNCTIONS),
    priority__lte=max(priorities.OF_FUNCTIONS),
)

MIXED_UP = _(
    "The priority must be 0 to 9; higher runs sooner. A row is about an object, whose type it has; "
    "only one of a backend of Django Tasks has neither object nor database, and a priority of "
    "-100 to 100."
)

CONSTRAINTS: list[models.BaseConstraint] = [
    models.CheckConstraint(
        condition=COHERENT,
        name="boogie_tasks_task_coherent",
        violation_error_message=INCOHERENT,
    ),
    models.CheckConstraint(
        condition=ABOUT,
        name="boogie_tasks_task_about",
        violation_error_message=MIXED_UP,
    ),
    places.PLACE,
]


@contextmanager
def explained() -> Iterator[None]:
    """Have an ``IntegrityError`` say what to do, if it is one of our constraints that refuses."""
    try:
        yield
    except IntegrityError as error:
        for constraint in CONSTRAINTS:
            if constraint.name in str(error):
                message = f"{constraint.get_violation_error_message()} ({error})"
                raise IntegrityError(message) from error
        raise
