"""
What any keeper looks for: what others have left, and what time has brought about.

Those who wait for limits have a thread for that, where a worker has limits.
"""

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from django.db import connections
from django.db.models import QuerySet

from boogie.apps.tasks import limits
from boogie.apps.tasks.batching import watch as batches
from boogie.apps.tasks.broker.fleet import fleet, luck, share
from boogie.apps.tasks.chains import watch as chains
from boogie.apps.tasks.db.connections import leave_pools
from boogie.apps.tasks.deletion import unfinished
from boogie.apps.tasks.execution import expiry
from boogie.apps.tasks.holds import switch
from boogie.apps.tasks.limiting import watch
from boogie.apps.tasks.models import Task

from .beside.neighbours import Neighbours
from .step import guarded, went_wrong

#: What is looked for, and what is done if there is any of it.
Look = tuple[QuerySet[Any], Callable[[], Any]]


def keep_limits(stopped: threading.Event) -> None:
    """
    Wake who waits for limits, until told to end; rates exactly when their time has come.

    Of a rate that nobody waits for yet any worker hears: they share the looks for that.
    """
    limited = watch.Watch()
    try:
        while not stopped.is_set():
            pause = guarded(limited.look)
            leave_pools()
            _wait(stopped, watch.EVERY if went_wrong(pause) else pause)
    finally:
        connections.close_all()


def _wait(stopped: threading.Event, pause: float) -> None:
    """Wait for ``pause``, or until it is this worker's turn: the fewer there are, the sooner."""
    began, mine = time.monotonic(), luck()

    def left() -> float:
        many = share(fleet.alike)
        turn = watch.EVERY * (many * mine if many > 1.0 else 1.0)
        return began + min(pause, turn) - time.monotonic()

    while (seconds := left()) > 0 and not stopped.wait(min(seconds, watch.EVERY)):
        pass


class Looks:
    """The looks of one keeper, and what it remembers from one to the next."""

    def __init__(self, beside: Neighbours) -> None:
        self._beside = beside
        self._limits = watch.Watch()
        self._chains = chains.Watch()
        self._batches = batches.Watch()

    def every(self) -> list[Look]:
        """Return all of them."""
        rows = Task.objects.on_primary()
        looks: list[Look] = [
            (rows.late(), partial(expiry.expire, rows)),
            (unfinished.left(), unfinished.finish),
            (switch.unfinished(), switch.finish),
            (chains.unsettled(), self._chains.look),
            (batches.known(), self._batches.look),
        ]
        if (others := self._beside.others()) is not None:
            looks.append((others, self._beside.learn))
        if not limits.are_declared():  # else a thread looks after them
            looks.append((watch.waiting(rows.db), self._limits.look))
        return looks
