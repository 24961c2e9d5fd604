"""
Doorbells that are due.
"""

from collections.abc import Iterable

from boogie.apps.tasks import current_app
from boogie.apps.tasks.broker import doorbell, inspect
from boogie.apps.tasks.broker.connection import broker_pool
from boogie.apps.tasks.conf import conf
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.db.reserve import Reservation
from boogie.apps.tasks.enqueue import showing
from boogie.apps.tasks.lifecycle import transitions
from boogie.apps.tasks.models import Task

#: Messages up to which a queue of the broker is filled.
BATCH = 1000


def ring_due(queues: Iterable[str]) -> int:
    """
    Publish doorbells for due rows of ``queues``; return how many were rung.

    In step with the workers: only as many as bring a queue of the broker up to
    ``BATCH`` messages. A row that waits behind so many needs no second doorbell.
    """
    if not current_app.needs_ringing() or broker_pool.is_broken:
        return 0
    if not Task.objects.on_primary().due().exists():
        return 0
    return sum(_ring_queue(queue) for queue in queues)


def _ring_queue(queue: str) -> int:
    if not (ready := Task.objects.on_primary().ready_in([queue])).exists():
        return 0
    waiting = inspect.depth(queue)
    if waiting is None or waiting >= BATCH:
        return 0
    # Their next look is put off first, so that each row goes to one keeper.
    look = Reservation(
        model=Task,
        queues=(queue,),
        limit=BATCH - waiting,
        fields=("name", "backend", "queue", "priority", "losses", "content_type", "object_id"),
        changes=(("due", Moment(conf.RING_AGAIN)),),
        may_be_lost=True,
        is_kept=False,
    )
    due = look.take(ready.db)
    for row in due:
        row.shown = showing.of_reserved(row, ready.db)
    # A row that was lost is rung twice in succession: a broker gives messages to consumers in
    # turn, and the one that lost the row may be frozen, but connected.
    bells = [row for row in due for _ in range(2 if row.losses else 1)]
    if unrung := {row.pk for row in doorbell.ring(bells)}:
        transitions.release(Task.objects.on_primary().filter(pk__in=unrung))
    return len(due) - len(unrung)
