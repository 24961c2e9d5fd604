"""
The worker's row: made at the first heartbeat, kept alive by the others, deleted at a warm end.
"""

import logging
import os
import socket
import time
from typing import Any

from django.db import connections
from django.db.models import Count, Q, Subquery, Value

from boogie.apps.tasks.broker import requests
from boogie.apps.tasks.broker.fleet import LISTEN_FOR, fleet
from boogie.apps.tasks.db import features
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.db.updating import marked
from boogie.apps.tasks.models import Worker
from boogie.apps.tasks.models.worker import WorkerQuerySet

from . import signs
from .beside import processes

logger = logging.getLogger(__name__)

#: Seconds between two questions of how many workers there are, where a heartbeat tells nothing.
LEARN_EVERY = 15.0


def beat(worker_id: str, about: dict[str, Any]) -> None:
    """Say that this worker is alive; make its row if there is none. Learn how many there are."""
    workers = Worker.objects.on_primary()
    changes = {**signs.of_life(signs.longest_gap()), **about, "has_room": not requests.is_full()}
    if fleet.listens:
        changes["listening"] = Moment(LISTEN_FOR)
    # Sooner than they are taken for dead: it is only that nothing is left to who may be gone.
    alike = workers.alike(about.get("queues", []), signs.longest_gap())
    if not _pulse(workers.filter(pk=worker_id), changes, alike):
        pid = os.getpid()
        seen_as = {"place": processes.place(), "born": processes.born(pid)}
        details = {"host": socket.gethostname(), "pid": pid, **seen_as, **about}
        now = dict.fromkeys(["started", "steady", "seen"], Moment())
        workers.create(pk=worker_id, **now, **details)
        fleet.entered = time.monotonic()


def _pulse(mine: WorkerQuerySet, changes: dict[str, Any], alike: WorkerQuerySet) -> int:
    """Do the UPDATE of a heartbeat, and note what comes back; return whether there is a row."""
    with_room = Q(has_room=True)
    counts = {
        "alike": Count("pk"),
        "with_room": Count("pk", filter=with_room),
        "waiting": Count("pk", filter=with_room & Q(listening__gt=Moment())),
    }
    if not features.returns_from_update(connections[mine.db]):
        found = mine.update(**changes)
        if fleet.is_old(LEARN_EVERY):
            fleet.note(**alike.aggregate(**counts))
        return found
    marks = {name: _number(alike, count) for name, count in counts.items()}
    found, returned = marked.update(mine, changes, marks)
    if returned is not None:
        fleet.note(*(max(returned.of(name) or {1}) for name in counts))
    return found


def _number(rows: WorkerQuerySet, count: Count) -> Subquery:
    """Return an aggregate of ``rows`` as an expression."""
    together = rows.order_by().annotate(all=Value(1)).values("all")
    return Subquery(together.annotate(number=count).values("number"))


def leave(worker_id: str) -> None:
    """Take a worker off the list."""
    Worker.objects.on_primary().filter(pk=worker_id).delete()
