"""
Workers beside this one whose processes are gone: their rows are rescued at once.

That is no guess as of one that is silent. What runs in a process that its worker has left behind
is left alone as long as that lives.
"""

import random
from collections.abc import Callable
from typing import Any

from boogie.apps.tasks.conf import conf
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.models import Message, Task, Worker
from boogie.apps.tasks.models.worker import WorkerQuerySet

from . import processes

#: So many processes are looked at each time.
WATCHED = 8


class Neighbours:
    """Those whom one worker sees; ``lose`` is told of each row that has no process, and why."""

    def __init__(self, me: str, lose: Callable[[Task, str], Any]) -> None:
        self._me, self._lose = me, lose
        #: By the id of each: its process, and when that began.
        self._known: dict[str, tuple[int, int]] = {}

    def others(self) -> WorkerQuerySet | None:
        """Return the living workers beside this one; ``None``: it sees none."""
        if not (place := processes.place()):
            return None
        beside = Worker.objects.on_primary().filter(place=place).exclude(pk=self._me)
        return beside.alive(conf.WORKER_TIMEOUT)

    def learn(self) -> None:
        """Learn who there is (one query)."""
        others = self.others()
        if others is not None:
            found = others.values_list("pk", "pid", "born")
            self._known = {key: (pid, born) for key, pid, born in found}

    def look(self) -> int:
        """
        Rescue what those had who are gone; return how many are. No query while all live.

        Of many a few are looked at, by chance: others look at others.
        """
        few = random.sample(list(self._known.items()), min(WATCHED, len(self._known)))
        gone = [key for key, process in few if processes.is_gone(*process)]
        for key in gone:
            if self._take_over(key):
                self._known.pop(key, None)
        return len(gone)

    def _take_over(self, key: str) -> bool:
        """Rescue the rows and messages of a worker; return whether that is all it had."""
        rows = Task.objects.on_primary().running().filter(worker=key)
        left = 0
        for row in rows.not_locked():
            if row.pid and not processes.is_gone(row.pid):
                left += 1
            else:
                self._lose(row, f"the worker {key} died")
        if left:
            return False
        Message.objects.on_primary().held().filter(worker=key).give_back()
        # Nobody takes it for alive from now on.
        gone = Worker.objects.on_primary().filter(pk=key)
        gone.update(seen=Moment(-conf.WORKER_TIMEOUT - 1))
        return True
