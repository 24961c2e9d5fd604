"""
Rows and messages whose worker is dead.
"""

from boogie.apps.tasks.conf import conf
from boogie.apps.tasks.execution import losses
from boogie.apps.tasks.models import Message, Task, Worker


def rescue() -> None:
    """Rescue the rows and messages of dead workers, and fail the calls that were given up."""
    workers = Worker.objects.on_primary()
    alive = workers.alive(conf.WORKER_TIMEOUT).values("pk")
    rows = Task.objects.on_primary()
    for row in rows.orphaned(alive, conf.WORKER_TIMEOUT, conf.CALL_LIMIT).not_locked():
        losses.lose(row, f"the worker {row.worker} died")
    messages = Message.objects.on_primary()
    messages.held().exclude(worker__in=alive).update(worker="")
