"""
What stands still until somebody acts: rows that wait for one that has failed, and batches that
cannot end since all that is left of them is paused, or waits so.

Bounded: what waits longest is looked at, and no more.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Exists, OuterRef, Q

from boogie.apps.tasks.lifecycle import states
from boogie.apps.tasks.lifecycle.batched import members
from boogie.apps.tasks.lifecycle.needs import arrows
from boogie.apps.tasks.models import Batch, Dependency, Task, TaskQuerySet

#: Arrows that are looked at, batches, and rows or batches that are named.
LOOK, BATCHES, NAMED = 1000, 50, 5


@dataclass(frozen=True)
class DeadEnds:
    """How many rows wait for failed ones, and the first of these."""

    rows: int = 0
    failed: Sequence[Task] = ()
    #: Whether there may be more.
    is_part: bool = False

    @property
    def names(self) -> list[str]:
        """The failed rows as people and commands name them."""
        return [f"{row.name}[{row.pk}]" for row in self.failed[:NAMED]]


def found() -> DeadEnds:
    """Look for them: one statement where nothing waits."""
    waits = Dependency.objects.on_primary().filter(state=arrows.WAITS).order_by("pk")
    pairs = list(waits.values_list("row_id", "needs_id")[:LOOK])
    if not pairs:
        return DeadEnds()
    rows = Task.objects.on_primary().failed().filter(pk__in={needs for _, needs in pairs})
    failed = list(rows.only("name").order_by("pk"))
    dead = {row.pk for row in failed}
    waiting = {row for row, needs in pairs if needs in dead}
    return DeadEnds(len(waiting), failed, len(pairs) == LOOK)


def stuck_batches() -> list[Batch]:
    """Return those of the oldest running batches that cannot end."""
    running = Batch.objects.on_primary().running().order_by("pk")
    return [batch for batch in running[:BATCHES] if is_stuck(batch)]


def is_stuck(batch: Batch) -> bool:
    """
    Return whether nothing of a running batch will go on by itself.

    A row of it that waits for another one of it will not, either, if that does not.
    """
    if batch.is_ended:
        return False
    rows = Task.objects.using(batch._state.db)
    left = members.open_rows(rows.all(), batch.pk)
    return left.exists() and not left.filter(_goes_on(rows, batch.pk)).exists()


def _goes_on(rows: TaskQuerySet, key: int) -> Q:
    """Return the condition of rows of a batch that start without anybody's doing."""
    still = Q(status__in=[states.FAILED, states.PAUSED]) | Q(batch_id=key, ended__isnull=True)
    needs = rows.filter(still, pk=OuterRef("needs_id"))
    waits = arrows.all_in(rows.db).filter(row_id=OuterRef("pk"), state=arrows.WAITS)
    in_vain = Q(is_after=True) & Q(Exists(waits.filter(Exists(needs))))
    return ~Q(status=states.PAUSED) & ~in_vain
