"""
The tables: rows, workers, the messages of plain tasks on ``boogie://``, what is kept of runs.

What others import stands here; no code does.
"""

from boogie.apps.tasks.serialization.progress import Progress

from .message import Message, MessageQuerySet
from .rollup import Release, Rollup, RollupQuerySet, Watermark
from .task import Task, TaskQuerySet
from .worker import Worker, WorkerQuerySet

__all__ = [
    "Message",
    "MessageQuerySet",
    "Progress",
    "Release",
    "Rollup",
    "RollupQuerySet",
    "Task",
    "TaskQuerySet",
    "Watermark",
    "Worker",
    "WorkerQuerySet",
]
