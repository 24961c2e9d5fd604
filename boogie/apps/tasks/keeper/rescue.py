"""
Rows and messages whose worker is dead.
"""

from collections.abc import Callable
from typing import Any

from django.db.models import Exists

from boogie.apps.tasks.conf import conf
from boogie.apps.tasks.execution import losses
from boogie.apps.tasks.models import Message, Task, TaskQuerySet, Worker
from boogie.apps.tasks.models.message import MessageQuerySet

from . import signs


def rescue(me: str, lose: Callable[[Task, str], Any] = losses.lose) -> None:
    """
    Rescue the rows and messages of dead workers, and fail the calls that were given up.

    ``me`` is the worker that judges. Nothing is done unless it has been heard of all the
    time in which the dead were not: what kept it silent may have kept all others so, and
    they get as much time again. ``lose`` is told of each row, and why.
    """
    rows, messages = left_behind(me)
    for row in rows.not_locked():
        lose(row, f"the worker {row.worker} died")
    messages.give_back()


def left_behind(me: str) -> tuple[TaskQuerySet, MessageQuerySet]:
    """Return the rows and messages of dead workers, as far as ``me`` may judge."""
    timeout = conf.WORKER_TIMEOUT
    workers = Worker.objects.on_primary()
    alive = workers.alive(timeout).values("pk")
    # Asked in each statement: between two of them this process, and all others, may freeze.
    may_judge = Exists(workers.filter(pk=me).steady(timeout, signs.longest_gap()))
    rows = Task.objects.on_primary().orphaned(alive, timeout, conf.CALL_LIMIT)
    messages = Message.objects.on_primary().held().exclude(worker__in=alive)
    return rows.filter(may_judge), messages.filter(may_judge)
