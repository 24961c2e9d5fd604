"""
What becomes of a row whose claim moved nothing since its queue or task is held: it is parked.

It was told to a worker before the hold, or by a broker that knows of none.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from django.db import connections, transaction

from boogie.apps.tasks.db import outages
from boogie.apps.tasks.lifecycle import holding, parking, timing, transitions
from boogie.apps.tasks.models import Hold, Task, TaskQuerySet
from boogie.apps.tasks.models.stored import primary

#: Rows of a task that are parked along with the first one whose claim is refused: nobody has to
#: look at each.
ALONG = 500
#: Seconds after which a row is looked at again whose hold somebody else changes at this moment.
AGAIN = 1.0


def may_start(task_id: Any, names: Sequence[str]) -> bool:
    """
    Park the row ``task_id``, if a hold is why it could not be claimed.

    Return whether it may be tried again at once, since what held it was released. ``names`` are
    those of its task, none of a function. One statement where nothing is held.
    """
    holds = {hold.key: hold for hold in Hold.objects.on_primary()}
    if not holds:
        return False
    rows = Task.objects.on_primary()
    row = rows.queued().filter(pk=task_id).only("name", "queue", "due").first()
    if row is None or row.due is None:
        return False
    own = names or [row.name]
    keys = [holding.of_queue(row.queue), *map(holding.of_task, own)]
    holding_it = [holds[key] for key in keys if key in holds]
    active = next((hold for hold in holding_it if hold.released is None), None)
    if active is None:
        return bool(holding_it)
    this = rows.filter(pk=task_id)
    others = rows.none() if active.is_of_queue else rows.filter(name__in=own)
    outages.unlocked(primary(Task), partial(_park, this, others, active.key))
    return False


def _park(this: TaskQuerySet, others: TaskQuerySet, key: str) -> None:
    """
    Park rows at a hold; it is not released meanwhile, or they would sleep for ever.

    Who releases it does not wait for us, nor we for them.
    """
    connection = connections[this.db]
    skip = connection.features.has_select_for_update_skip_locked
    with transaction.atomic(using=this.db):
        hold = Hold.objects.using(this.db).active().filter(pk=key)
        if not hold.select_for_update(skip_locked=skip).values_list("pk", flat=True).first():
            transitions.release(timing.ripe(this), AGAIN)
            return
        crowd = timing.ripe(others.queued()).filter(due__isnull=False)
        keys = list(crowd.values_list("pk", flat=True)[:ALONG])
        everything = Task.objects.using(this.db)
        parking.park(timing.ripe(this), key)
        if keys:
            parking.park(everything.filter(pk__in=keys), key)
