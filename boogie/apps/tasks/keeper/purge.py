"""
Deleting what is past its time.
"""

from boogie.apps.tasks import current_app
from boogie.apps.tasks.conf import conf
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.models import Announcement, Listener, Task, Worker

#: Rows that one look deletes at most.
BATCH = 1000

#: Seconds for which the row of a dead worker stays to be looked at.
WORKER_MEMORY = 3600.0


def purge() -> int:
    """Delete workers long dead, and a batch of rows past their retention; return how many rows."""
    Worker.objects.on_primary().dead(WORKER_MEMORY).delete_now()
    if current_app.is_boogie(current_app.celery_app()):
        # Of processes that were killed; others end what they have begun.
        Listener.objects.on_primary().expired().delete_now()
        Announcement.objects.on_primary().expired().delete_now()
    rows, removed = Task.objects.on_primary(), 0
    for status, keep in conf.RETENTION.items():
        if keep is not None:
            old = rows.filter(status=status, ended__lt=Moment(-keep))
            chunk = list(old.order_by("ended").values_list("pk", flat=True)[:BATCH])
            removed += rows.ended().filter(pk__in=chunk).remove() if chunk else 0
    return removed
