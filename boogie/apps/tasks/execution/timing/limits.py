"""
How long a body has until its soft time limit.
"""

import time
from typing import Any

from boogie.apps.tasks.execution.run import Run

#: The soft limit of this process's worker, for tasks that have none.
_of_worker: float | None = None


def note_worker(soft: float | None) -> None:
    """Note the soft limit of a worker, before its pool forks."""
    global _of_worker
    _of_worker = soft or None


def remaining(task: Any, run: Run) -> float | None:
    """
    Return the seconds until the soft limit of a run, 0 if that is over; ``None`` without one.

    As Celery has it: that of the message goes before the task's, and this before the worker's.
    """
    if run.is_call:
        return None
    _hard, of_message = task.request.timelimit or (None, None)
    soft = of_message or task.soft_time_limit or _of_worker
    return None if not soft else max(0.0, run.since + soft - time.monotonic())
