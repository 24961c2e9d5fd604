"""
What the main process of a worker learns of rows whose bodies it never begins.
"""

from typing import Any

from celery import signals

from boogie.apps.tasks.execution import losses
from boogie.apps.tasks.keeper import jobs

from . import revoking


def refuse_unknown(sender: Any, name: str, id: str, **extra: Any) -> None:
    """task_unknown: the row fails, visibly."""
    jobs.submit(losses.refuse, id, name)


def connect() -> None:
    """Connect every receiver; twice is once."""
    signals.task_unknown.connect(refuse_unknown, dispatch_uid="boogie_tasks.task_unknown")
    revoking.connect()
