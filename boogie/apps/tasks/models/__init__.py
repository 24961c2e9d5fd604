"""
The tables: rows, workers, and the messages of plain tasks on ``boogie://``.

What others import stands here; no code does.
"""

from .message import Message, MessageQuerySet
from .task import Task, TaskQuerySet
from .worker import Worker, WorkerQuerySet

__all__ = ["Message", "MessageQuerySet", "Task", "TaskQuerySet", "Worker", "WorkerQuerySet"]
