"""
The tables: rows, workers, and the messages of plain tasks on ``boogie://``.

What others import stands here; no code does.
"""

from .task import Message, MessageQuerySet, Task, TaskQuerySet, Worker, WorkerQuerySet

__all__ = ["Message", "MessageQuerySet", "Task", "TaskQuerySet", "Worker", "WorkerQuerySet"]
