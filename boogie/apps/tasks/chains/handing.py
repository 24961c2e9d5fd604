"""
What is done once a row has finished that others are after: they are woken, and rung for.
"""

from typing import Any

from boogie.apps.tasks.conf import conf
from boogie.apps.tasks.lifecycle import timing
from boogie.apps.tasks.lifecycle.needs import telling, waking
from boogie.apps.tasks.limiting import handover, room
from boogie.apps.tasks.models import Task

#: Rows that whoever has finished rings for itself; more are left to keepers, in step with workers.
MOST = 50


def hand_on(using: str, key: Any, **extra: Any) -> int:
    """Have those go on that are after the row ``key``, and nothing else; return how many."""
    waking.meet(using, key)
    count = 0
    while chunk := waking.to_tell(using, key):
        rings = room.rings() and len(chunk) <= MOST
        woken = waking.tell(using, chunk, conf.RING_AGAIN if rings else 0.0)
        count += len(woken)
        if rings:
            ripe = timing.ripe(Task.objects.using(using).filter(pk__in=woken))
            handover.ring(using, ripe.values_list("pk", flat=True))
    return count


def connect() -> None:
    """Learn of rows that finish from now on; twice is once."""
    telling.has_finished.connect(hand_on, weak=False, dispatch_uid="boogie_tasks.has_finished")
