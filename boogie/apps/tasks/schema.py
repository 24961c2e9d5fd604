"""
Of ``Task``: indexes, what is found without a scan; constraints, what must hold; who writes.
"""

from django.db import models
from django.db.models import Q

from . import states
from .fields import PartialIndex

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

CONSTRAINTS: list[models.BaseConstraint] = [
    models.CheckConstraint(
        condition=Q(status__in=[status for status, _ in states.STATUS]),
        name="boogie_tasks_task_status_known",
    ),
    models.CheckConstraint(
        condition=Q(status=states.QUEUED, due__isnull=False)
        | (~Q(status=states.QUEUED) & Q(due__isnull=True)),
        name="boogie_tasks_task_due_if_queued",
    ),
    models.CheckConstraint(
        condition=Q(status__in=sorted(states.ENDED), ended__isnull=False)
        | (~Q(status__in=sorted(states.ENDED)) & Q(ended__isnull=True)),
        name="boogie_tasks_task_ended_if_over",
    ),
    models.CheckConstraint(
        condition=~Q(status__in=[states.RUNNING, states.FINISHED, states.FAILED])
        | Q(started__isnull=False, attempt__gt=0),
        name="boogie_tasks_task_started_if_run",
    ),
    models.CheckConstraint(condition=Q(priority__lte=9), name="boogie_tasks_task_priority_0_to_9"),
]

#: Fields that only ``transitions.py`` changes once a row is stored.
MACHINE_FIELDS = frozenset(
    [
        *("status", "result", "errors", "attempt", "retries", "losses", "worker", "pid"),
        *("terminate", "not_before", "due", "started", "ended"),
    ]
)
