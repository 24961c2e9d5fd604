"""
Doorbells that are due, and rows that wait although this worker is idle.
"""

from collections.abc import Iterable, Sequence

from boogie.apps.tasks import current_app, registry
from boogie.apps.tasks.broker import doorbell, inspect, requests
from boogie.apps.tasks.broker.connection import broker_pool
from boogie.apps.tasks.conf import conf
from boogie.apps.tasks.db import sql
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.db.reserve import Reservation
from boogie.apps.tasks.enqueue import showing
from boogie.apps.tasks.lifecycle import holding, timing, transitions
from boogie.apps.tasks.models import Task, TaskQuerySet

#: Messages up to which a queue of the broker is filled.
BATCH = 1000
#: Seconds after which a row is lying about that was rung, or reserved, and that nobody has begun.
LYING = 3.0
#: So many of the rows that were rung last are looked through for such.
CAP = 1000


class Lying:
    """
    The looks of a worker for rows that wait although it could begin more.

    Their doorbell was lost, or who has it is busy, frozen or dead. It has as many of them looked at
    again as it could begin, and twice as many as before as long as there are more.
    """

    def __init__(self) -> None:
        self._times = 1

    def look(self, queues: Sequence[str], idle: int) -> int:
        """Have rows looked at for which there is room; return how many."""
        limit = min(idle * self._times, CAP)
        found = find_lying(queues, limit)
        self._times = self._times * 2 if found >= limit > 0 else 1
        return found


def find_lying(queues: Sequence[str], limit: int) -> int:
    """
    Have rows looked at again that were rung, or reserved, and that nobody has begun.

    At most ``limit``; return how many. One statement where there are none, which reads no more
    than ``CAP`` of the rows that are due within ``RING_AGAIN``.
    """
    if limit <= 0:
        return 0
    rows = _at_once(Task.objects.on_primary().queued())
    rung = rows.filter(due__gt=Moment(), due__lte=Moment(conf.RING_AGAIN - LYING))
    fits = holding.in_queues(timing.ripe(rows), queues)
    keys = sql.among(rung.order_by("-due"), fits, ["-priority", "due"], CAP, limit)
    return transitions.release(_nowhere_else(rung.filter(pk__in=keys))) if keys else 0


def _at_once(rows: TaskQuerySet) -> TaskQuerySet:
    """Leave out those that lie in a worker because Celery spreads out the starts of their task."""
    spread_out = requests.spread_out()
    names = [name for one in spread_out for name in registry.names(one)]
    if registry.FUNCTION in spread_out:
        rows = rows.filter(backend="")
    return rows.exclude(backend="", name__in=names) if names else rows


def _nowhere_else(rows: TaskQuerySet) -> TaskQuerySet:
    """Return those of ``rows`` whose queue at the broker is empty: what waits there comes yet."""
    if not current_app.needs_ringing():
        return rows
    waiting = set(rows.order_by().values_list("queue", flat=True).distinct())
    return rows.filter(queue__in=[queue for queue in waiting if inspect.depth(queue) == 0])


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
