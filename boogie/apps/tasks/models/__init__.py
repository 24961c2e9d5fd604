"""
The tables: rows, workers, the messages of plain tasks on ``boogie://``.

What others import stands here; no code does.
"""

from boogie.apps.tasks.serialization.progress import Progress

from .message import Message, MessageQuerySet
from .task import Task, TaskQuerySet
from .worker import Worker, WorkerQuerySet

__all__ = [
    "Message",
    "MessageQuerySet",
    "Progress",
    "Task",
    "TaskQuerySet",
    "Worker",
    "WorkerQuerySet",
]
