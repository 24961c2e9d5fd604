"""
Where chains stand still: rows that wait for one that has failed, and do so until somebody acts.

Bounded: the arrows that wait longest are looked at, and no more.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from boogie.apps.tasks.lifecycle.needs import arrows
from boogie.apps.tasks.models import Dependency, Task

#: Arrows that are looked at, and failed rows that are named.
LOOK, NAMED = 1000, 5


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
