"""
The public Django signals. No receivers live here.

Each is sent after the transition has committed, with ``send_robust``.
``sender`` is the task (what ``@task`` or ``as_task()`` returned; ``None`` when
no task of that name is registered in this process), keyword ``task`` is the
row (:class:`boogie.apps.tasks.models.Task`): of a row that was made or begun, the instance in hand;
of others one that is read when the transition has committed.
"""

from django.dispatch import Signal

#: A row was created paused, or a queued one was paused.
task_paused = Signal()
#: A row was created queued, a paused one was run, or a failed or cancelled one was retried by hand.
task_queued = Signal()
#: A worker, or a ``call()``, has begun to run the row.
task_started = Signal()
#: The run returned and its result is stored.
task_finished = Signal()
#: The run raised; ``task.errors`` tells what.
task_failed = Signal()
#: The row goes back to the queue after ``self.retry()`` or the loss of its worker.
task_retried = Signal()
#: The row was cancelled.
task_cancelled = Signal()

__all__ = [
    "task_cancelled",
    "task_failed",
    "task_finished",
    "task_paused",
    "task_queued",
    "task_retried",
    "task_started",
]
