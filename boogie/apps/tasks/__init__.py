"""
Tasks about model instances, on Celery, with a durable row for every run.

>>> from boogie.apps.tasks import task

Everything public is importable from here. Importing this package imports no
model, so tasks may be declared in ``models.py`` or in a package's ``__init__``;
the models are loaded when they are first asked for.
"""

from typing import TYPE_CHECKING, Any

from boogie.apps.tasks.batches import batch
from boogie.apps.tasks.broker import alias as _alias  # noqa: F401 - kombu is to know boogie://
from boogie.apps.tasks.declaration.base import BoogieTask
from boogie.apps.tasks.declaration.cancel import acheck_cancelled, check_cancelled
from boogie.apps.tasks.declaration.decorator import task
from boogie.apps.tasks.tracking.track import progress, track

from .exceptions import (
    ArgumentError,
    BoogieTasksError,
    Expired,
    LimitReached,
    NeverEnds,
    NeverFinished,
    NotUnique,
    ObjectGone,
    ResultError,
    Superseded,
    TaskCancelled,
    TaskFailed,
    UnknownTask,
    WorkerLost,
)
from .limits import Concurrency, Rate
from .schedules import recurring
from .signals import (
    task_cancelled,
    task_failed,
    task_finished,
    task_paused,
    task_queued,
    task_retried,
    task_started,
)

if TYPE_CHECKING:
    from .models import Batch, Message, Progress, Schedule, Task, Worker
    from .relations.field import TaskRelation

_MODELS = ("Batch", "Message", "Progress", "Schedule", "Task", "Worker")

__all__ = [
    "ArgumentError",
    "Batch",
    "BoogieTask",
    "BoogieTasksError",
    "Concurrency",
    "Expired",
    "LimitReached",
    "Message",
    "NeverEnds",
    "NeverFinished",
    "NotUnique",
    "ObjectGone",
    "Progress",
    "Rate",
    "ResultError",
    "Schedule",
    "Superseded",
    "Task",
    "TaskCancelled",
    "TaskFailed",
    "TaskRelation",
    "UnknownTask",
    "Worker",
    "WorkerLost",
    "acheck_cancelled",
    "batch",
    "check_cancelled",
    "progress",
    "recurring",
    "task",
    "task_cancelled",
    "task_failed",
    "task_finished",
    "task_paused",
    "task_queued",
    "task_retried",
    "task_started",
    "track",
]


def __getattr__(name: str) -> Any:
    if name in _MODELS:
        from . import models

        return getattr(models, name)
    if name == "TaskRelation":
        from .relations import field

        return field.TaskRelation
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
