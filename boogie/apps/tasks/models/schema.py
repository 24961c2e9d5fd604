"""
Of ``Task``: indexes, what is found without a scan; constraints, what must hold.
"""

from django.db import models
from django.db.models import Case, Q, When

from boogie.apps.tasks.db.fields import PartialIndex
from boogie.apps.tasks.lifecycle import states

INDEXES: list[models.Index] = [
    PartialIndex(fields=["due"], where=Q(status=states.QUEUED), name="boogie_tasks_task_due"),
    PartialIndex(
        fields=["queue", "-priority", "due"],
        where=Q(status=states.QUEUED),
        name="boogie_tasks_task_ready",
    ),
    PartialIndex(
        fields=["worker"], where=Q(status=states.RUNNING), name="boogie_tasks_task_running"
    ),
    PartialIndex(fields=["worker"], where=Q(terminate=True), name="boogie_tasks_task_terminate"),
    PartialIndex(
        fields=["status", "ended"],
        where=Q(ended__isnull=False),
        name="boogie_tasks_task_ended",
    ),
    models.Index(
        fields=["object_id", "content_type", "name", "created"],
        name="boogie_tasks_task_object",
    ),
    models.Index(fields=["name", "status", "created"], name="boogie_tasks_task_name"),
]

HAS_STARTED = Q(started__isnull=False, attempt__gt=0)

#: What holds of a row, by its status. One expression for them all: PostgreSQL reads each
#: constraint anew in every INSERT and UPDATE, which costs more than to check it.
COHERENT = Case(
    When(status=states.QUEUED, then=Q(due__isnull=False, ended__isnull=True)),
    When(status=states.RUNNING, then=Q(due__isnull=True, ended__isnull=True) & HAS_STARTED),
    When(
        status__in=[states.FINISHED, states.FAILED],
        then=Q(due__isnull=True, ended__isnull=False) & HAS_STARTED,
    ),
    When(status=states.CANCELLED, then=Q(due__isnull=True, ended__isnull=False)),
    When(status=states.PAUSED, then=Q(due__isnull=True, ended__isnull=True)),
    default=False,
    output_field=models.BooleanField(),
)

CONSTRAINTS: list[models.BaseConstraint] = [
    models.CheckConstraint(condition=COHERENT, name="boogie_tasks_task_coherent"),
    models.CheckConstraint(
        condition=Q(priority__gte=0, priority__lte=9), name="boogie_tasks_task_priority_0_to_9"
    ),
]
