"""
What the processes of a worker learn from Celery: of rows whose bodies are never begun, and of
soft time limits.
"""

from typing import Any

from billiard import pool
from celery import signals

from boogie.apps.tasks.execution import losses
from boogie.apps.tasks.execution.timing import interrupted
from boogie.apps.tasks.keeper import jobs

from . import quiet, revoking


def refuse_unknown(sender: Any, name: str, id: str, **extra: Any) -> None:
    """task_unknown: the row fails, visibly."""
    jobs.submit(losses.refuse, id, name)


def doubt_connections(**extra: Any) -> None:
    """worker_process_init: when a soft limit strikes, it may do so amid a statement."""
    raised = pool.soft_timeout_sighandler  # the pool installs what has this name, after this

    def struck(signum: int, frame: Any) -> None:
        interrupted.doubt_all()
        raised(signum, frame)

    pool.soft_timeout_sighandler = struck


def connect() -> None:
    """Connect every receiver; twice is once."""
    signals.worker_process_init.connect(
        doubt_connections, dispatch_uid="boogie_tasks.doubt_connections"
    )
    signals.task_unknown.connect(refuse_unknown, dispatch_uid="boogie_tasks.task_unknown")
    revoking.connect()
    quiet.connect()
