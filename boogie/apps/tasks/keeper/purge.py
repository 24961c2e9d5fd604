"""
Deleting what is past its time.
"""

import time

from boogie.apps.tasks import current_app
from boogie.apps.tasks.conf import conf
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.models import Announcement, Listener, Task, Worker

#: Rows of a status that are deleted together, and seconds that one look goes on as long as there
#: are more: its thread has others to do, and beats.
BATCH, TURN = 1000, 0.5

#: Seconds for which the row of a dead worker stays to be looked at.
WORKER_MEMORY = 3600.0


def purge() -> int:
    """Delete workers long dead, and rows past their retention for a while; return how many rows."""
    Worker.objects.on_primary().dead(WORKER_MEMORY).delete_now()
    if current_app.is_boogie(current_app.celery_app()):
        # Of processes that were killed; others end what they have begun.
        Listener.objects.on_primary().expired().delete_now()
        Announcement.objects.on_primary().expired().delete_now()
    end, removed = time.monotonic() + TURN, 0
    while True:
        found = _purge_some()
        removed += found
        if found < BATCH // 2 or time.monotonic() >= end:
            return removed


def _purge_some() -> int:
    rows, removed = Task.objects.on_primary(), 0
    for status, keep in conf.RETENTION.items():
        if keep is not None:
            old = rows.filter(status=status, ended__lt=Moment(-keep))
            chunk = list(old.order_by("ended").values_list("pk", flat=True)[:BATCH])
            removed += rows.ended().filter(pk__in=chunk).remove() if chunk else 0
    return removed
