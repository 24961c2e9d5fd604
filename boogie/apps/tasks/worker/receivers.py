"""
What the main process of a worker learns of rows whose bodies it never begins.
"""

from typing import Any

from celery import signals

from boogie.apps.tasks import registry
from boogie.apps.tasks.execution import losses
from boogie.apps.tasks.keeper import jobs


def refuse_unknown(sender: Any, name: str, id: str, **extra: Any) -> None:
    """task_unknown: the row fails, visibly."""
    jobs.submit(losses.refuse, id, name)


def cancel_revoked(sender: Any, request: Any, **extra: Any) -> None:
    """task_revoked: cancel the row."""
    if registry.is_ours(sender):
        jobs.submit(losses.cancel_revoked, request.id)


def connect() -> None:
    """Connect every receiver; twice is once."""
    signals.task_unknown.connect(refuse_unknown, dispatch_uid="boogie_tasks.task_unknown")
    signals.task_revoked.connect(cancel_revoked, dispatch_uid="boogie_tasks.task_revoked")
