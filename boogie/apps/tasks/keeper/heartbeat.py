"""
The worker's row: made at the first heartbeat, kept alive by the others, deleted at a warm end.
"""

import logging
import os
import socket
from typing import Any

from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.models import Worker

from . import signs

logger = logging.getLogger(__name__)


def beat(worker_id: str, about: dict[str, Any]) -> None:
    """Say that this worker is alive; make its row if there is none."""
    workers = Worker.objects.on_primary()
    signs_of_life = signs.of_life(signs.longest_gap())
    if not workers.filter(pk=worker_id).update(**signs_of_life, **about):
        details = {"host": socket.gethostname(), "pid": os.getpid(), **about}
        now = dict.fromkeys(["started", "steady", "seen"], Moment())
        workers.create(pk=worker_id, **now, **details)


def leave(worker_id: str) -> None:
    """Take a worker off the list."""
    Worker.objects.on_primary().filter(pk=worker_id).delete()
