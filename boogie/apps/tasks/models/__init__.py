"""
The tables: rows, workers, the messages on ``boogie://``, what is kept of runs.

What others import stands here; no code does.
"""

from boogie.apps.tasks.serialization.progress import Progress

from .batched.batch import Batch, BatchQuerySet
from .chained.dependency import Dependency, DependencyQuerySet
from .held.hold import Hold, HoldQuerySet
from .limited.limit import Limit, LimitQuerySet, Slot, SlotQuerySet, Stand, StandQuerySet
from .message import (
    Announcement,
    AnnouncementQuerySet,
    Listener,
    ListenerQuerySet,
    Message,
    MessageQuerySet,
)
from .objects.wipe import Wipe, WipeQuerySet
from .rollup import Release, Rollup, RollupQuerySet, Watermark
from .scheduled.querysets import ScheduleQuerySet
from .scheduled.schedule import Schedule
from .task import Task, TaskQuerySet
from .worker import Worker, WorkerQuerySet

__all__ = [
    "Announcement",
    "AnnouncementQuerySet",
    "Batch",
    "BatchQuerySet",
    "Dependency",
    "DependencyQuerySet",
    "Hold",
    "HoldQuerySet",
    "Limit",
    "LimitQuerySet",
    "Listener",
    "ListenerQuerySet",
    "Message",
    "MessageQuerySet",
    "Progress",
    "Release",
    "Rollup",
    "RollupQuerySet",
    "Schedule",
    "ScheduleQuerySet",
    "Slot",
    "SlotQuerySet",
    "Stand",
    "StandQuerySet",
    "Task",
    "TaskQuerySet",
    "Watermark",
    "Wipe",
    "WipeQuerySet",
    "Worker",
    "WorkerQuerySet",
]
