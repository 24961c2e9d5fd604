"""
Who stands before whom at a limit that keeps order, wherever they wait: asked under its lock.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q

from boogie.apps.tasks.db import clock, ids, sql
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.lifecycle import parking, states, timing
from boogie.apps.tasks.models import Stand, Task

#: A row that was woken and has not been started for so many seconds holds up no others: its
#: queue has no worker.
STUCK = 60.0
#: Stands that are looked at together, and from how long ago: their rows may not be committed yet.
BATCH, OLD = 1000, timedelta(hours=1)


def may_come() -> Q:
    """Return the condition of rows in a line that will be tried: nobody waits for others."""
    return timing.is_ripe() & timing.is_in_time() & (Q(due=None) | Q(due__gt=Moment(-STUCK)))


def is_behind(using: str, key: str, row_id: Any) -> bool:
    """Return whether a row that was made before ``row_id`` waits here, or here as well."""
    rows = Task.objects.using(using).filter(may_come())
    line = parking.in_line(rows, key).filter(pk__lt=row_id)
    return any(sql.which_exist(line, _before(using, key, row_id)))


def is_behind_others(using: str, key: str, row_id: Any) -> bool:
    """Return the same of rows that wait in other lines."""
    return bool(_before(using, key, row_id).exists())


def _before(using: str, key: str, row_id: Any) -> Any:
    waiting = parking.at_limits(Task.objects.using(using).filter(may_come()))
    stands = Stand.objects.using(using).filter(limit=key, row_id__lt=row_id)
    return stands.filter(Exists(waiting.exclude(held_by=key).filter(pk=OuterRef("row_id"))))


def stand(using: str, row: Any, keys: Iterable[str]) -> None:
    """Have a row that is to wait elsewhere stand in the lines of ``keys``, too."""
    stands = [Stand(limit=key, row_id=row.pk) for key in keys]
    if stands:
        Stand.objects.using(using).bulk_create(stands, ignore_conflicts=True)


def leave(using: str, key: str, row_id: Any) -> None:
    """Have a row that has ended, or is gone, stand in a line no more."""
    _gone(Stand.objects.using(using).filter(limit=key, row_id=row_id)).delete_now()


def forget() -> int:
    """Delete stands of rows that have ended, or are gone; return how many."""
    before = ids.first_at(clock.here() - OLD)
    gone = _gone(Stand.objects.on_primary().filter(row_id__lt=before))
    found = list(gone.values_list("pk", flat=True)[:BATCH])
    return Stand.objects.on_primary().filter(pk__in=found).delete_now() if found else 0


def _gone(stands: Any) -> Any:
    rows = Task.objects.using(stands.db).filter(pk=OuterRef("row_id"))
    return stands.filter(~Exists(rows.exclude(status__in=states.ENDED)))
