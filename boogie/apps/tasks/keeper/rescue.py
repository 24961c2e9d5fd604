"""
Rows and messages whose worker is dead.
"""

from collections.abc import Callable
from typing import Any

from boogie.apps.tasks.conf import conf
from boogie.apps.tasks.execution import losses
from boogie.apps.tasks.models import Message, Task, Worker


def rescue(lose: Callable[[Task, str], Any] = losses.lose) -> None:
    """
    Rescue the rows and messages of dead workers, and fail the calls that were given up.

    ``lose`` is told of each row, and why.
    """
    workers = Worker.objects.on_primary()
    alive = workers.alive(conf.WORKER_TIMEOUT).values("pk")
    rows = Task.objects.on_primary()
    for row in rows.orphaned(alive, conf.WORKER_TIMEOUT, conf.CALL_LIMIT).not_locked():
        lose(row, f"the worker {row.worker} died")
    messages = Message.objects.on_primary()
    messages.held().exclude(worker__in=alive).update(worker="")
