"""
Batches whose end nobody has seen: somebody died, or many rows ended at the same moment; and those
that are past their retention.
"""

import time

from boogie.apps.tasks.conf import conf
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.models import Batch, Task
from boogie.apps.tasks.models.batched.batch import BatchQuerySet
from boogie.apps.tasks.models.stored import primary

from . import ending

#: Batches that one look goes through; the next goes on behind them.
BATCHES = 100
#: Seconds between two looks for old ones.
FORGET_EVERY = 60.0


def known() -> BatchQuerySet:
    """Return the batches that somebody may have to look after."""
    return Batch.objects.on_primary()


class Watch:
    """The looks of one keeper."""

    def __init__(self) -> None:
        self._behind = 0
        self._forgets_at = 0.0

    def look(self) -> int:
        """Look at some that run, and forget old ones; return how many have changed."""
        using = primary(Task)
        running = known().running().filter(pk__gt=self._behind).order_by("pk")
        keys = list(running.values_list("pk", flat=True)[:BATCHES])
        self._behind = keys[-1] if len(keys) == BATCHES else 0
        changed = sum(ending.look_or_tell(using, key, True) for key in keys)
        if time.monotonic() >= self._forgets_at:
            self._forgets_at = time.monotonic() + FORGET_EVERY
            changed += forget()
        return changed


def forget() -> int:
    """Delete batches that are past their retention, and have no rows; return how many."""
    removed = 0
    for status, keep in conf.RETENTION.items():
        if keep is None:
            continue
        old = known().filter(outcome=status, ended__lt=Moment(-keep)).order_by("ended")
        keys = list(old.values_list("pk", flat=True)[:BATCHES])
        left = Task.objects.on_primary().filter(batch_id__in=keys)
        used = set(left.order_by().values_list("batch_id", flat=True).distinct()) if keys else set()
        if gone := [key for key in keys if key not in used]:
            removed += known().filter(pk__in=gone, outcome=status).delete_now()
    return removed
