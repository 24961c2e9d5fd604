"""
Holding and releasing. Whoever is killed in the middle of a release leaves the rest to keepers.
"""

import logging
from functools import partial
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from boogie.apps.tasks.db import outages
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.lifecycle import parking
from boogie.apps.tasks.models import Hold, Task, people
from boogie.apps.tasks.models.stored import primary

from . import audit

logger = logging.getLogger(__name__)

#: Rows that one statement wakes.
CHUNK = 500
#: Seconds for which a hold stays after its release: rows whose claim it has refused a moment before
#: find out by it that they may start.
GRACE = 5.0
#: Times that a hold is tried which somebody else releases at the same moment.
TRIES = 5


def hold(key: str, by: Any = None, reason: str = "") -> bool:
    """
    Have no row of a queue or task start from now on; return whether it was not held before.

    A hold that is there stays as it is. In a transaction it holds from the commit on.
    """
    using = primary(Hold)
    if not outages.unlocked(using, partial(_hold, using, key, by, reason)):
        return False
    audit.note(audit.HELD, key, by, reason)
    return True


def _hold(using: str, key: str, by: Any, reason: str) -> bool:
    about = {
        "reason": reason,
        "by_id": people.key_of(by),
        "by_name": people.name_of(by),
        "since": Moment(),
        "released": None,
    }
    same = Hold.objects.using(using).filter(pk=key)
    for _try in range(TRIES):
        if same.over().update(**about):
            return True
        try:
            with transaction.atomic(using=using):
                Hold.objects.using(using).create(key=key, **about)
        except IntegrityError:
            if same.active().exists():
                return False
        else:
            return True
    return False


def release(key: str, by: Any = None, reason: str = "") -> bool:
    """Have the rows of a queue or task start again; return whether it was held."""
    using = primary(Hold)
    same = Hold.objects.using(using).filter(pk=key)
    if not outages.unlocked(using, partial(same.active().update, released=Moment())):
        return False
    audit.note(audit.RELEASED, key, by, reason)
    wake(key)
    return True


def wake(key: str) -> int:
    """
    Have the rows looked at that a hold has kept back, the oldest first; return how many.

    Not those that are held again.
    """
    rows, woken, last = Task.objects.on_primary(), 0, None
    while Hold.objects.on_primary().over().filter(pk=key).exists():
        line = parking.parked(rows, key)
        waiting = line if last is None else line.filter(pk__gt=last)
        chunk = list(waiting.values_list("pk", "name", "limits")[:CHUNK])
        if not chunk:
            break
        mine = rows.filter(pk__in=[pk for pk, _name, _limits in chunk], held_by=key)
        woken += parking.wake(mine, place=parking.lines_of(chunk))
        last = chunk[-1][0]
    return woken


# --- keepers --------------------------------------------------------------------------


def unfinished() -> QuerySet[Hold]:
    """Return the holds that were released, and are to be finished."""
    return Hold.objects.on_primary().over()


def finish() -> None:
    """Wake what a release has left asleep, and forget holds that were released a while ago."""
    for key in list(unfinished().values_list("pk", flat=True)):
        if woken := wake(key):
            logger.info("%s row(s) were woken that %s had held back", woken, key)
        outages.unlocked(primary(Hold), partial(_forget, key))


def _forget(key: str) -> None:
    """Delete a hold that keeps no row back; nobody parks one at it meanwhile."""
    old = unfinished().filter(pk=key, released__lte=Moment(-GRACE))
    with transaction.atomic(using=old.db):
        if not old.select_for_update().exists():
            return
        if not parking.parked(Task.objects.using(old.db), key).exists():
            old.delete()
