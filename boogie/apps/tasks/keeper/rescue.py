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


class Missing:
    """
    Rows that name this worker and that it does not run; ``known``: the ids of those it has.

    A row is given up when it was missing twice: between its settling and the worker's own
    bookkeeping there is a moment.
    """

    def __init__(
        self, me: str, known: Callable[[], set[str]], lose: Callable[[Task, str], Any]
    ) -> None:
        self._me, self._known, self._lose = me, known, lose
        self._seen: set[tuple[Any, int]] = set()

    def mine(self) -> TaskQuerySet:
        """Return the rows that name this worker as the one that runs them."""
        return Task.objects.on_primary().running().filter(worker=self._me)

    def compare(self) -> None:
        """Rescue the rows that are missing for the second time."""
        known = self._known()
        missing = [row for row in self.mine() if str(row.pk) not in known]
        seen_before = self._seen
        self._seen = {(row.pk, row.attempt) for row in missing}
        for row in missing:
            if (row.pk, row.attempt) in seen_before:
                self._lose(row, f"the worker {self._me} lost track of the row")

    def forget(self) -> None:
        """Note that none names this worker."""
        self._seen = set()


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
