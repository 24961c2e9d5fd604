"""
What nobody has told those that wait: somebody died, or rows were deleted in a way of their own.
"""

from typing import Any

from boogie.apps.tasks.lifecycle import states
from boogie.apps.tasks.lifecycle.needs import arrows, breaking
from boogie.apps.tasks.models import Dependency, Task
from boogie.apps.tasks.models.chained.dependency import DependencyQuerySet
from boogie.apps.tasks.models.stored import primary

from .handing import hand_on

#: Arrows that one look goes through; the next goes on behind them.
ARROWS = 1000
#: Rows of which one look tells that they have finished.
ROWS = 100


def unsettled() -> DependencyQuerySet:
    """Return the arrows of which somebody may have to be told."""
    return Dependency.objects.on_primary().filter(state__in=[arrows.WAITS, arrows.MET])


class Watch:
    """The looks of one keeper."""

    def __init__(self) -> None:
        self._behind = 0

    def look(self) -> int:
        """Tell what nobody has told; return how many rows it was about."""
        using = primary(Task)
        met = unsettled().filter(state=arrows.MET).order_by("pk")
        finished = list(dict.fromkeys(met.values_list("needs_id", flat=True)[:ROWS]))
        more, never = self._look_at_some(using)
        for key in [*finished, *more]:
            hand_on(using, key)
        if never:
            breaking.give_up(using, never)
        return len(finished) + len(more) + len(never)

    def _look_at_some(self, using: str) -> tuple[list[Any], list[Any]]:
        """Return which rows have finished, and which never will, of those that others wait for."""
        waits = unsettled().filter(state=arrows.WAITS, pk__gt=self._behind).order_by("pk")
        chunk = list(waits.values_list("pk", "row_id", "needs_id")[:ARROWS])
        self._behind = chunk[-1][0] if len(chunk) == ARROWS else 0
        keys = {key for _, *both in chunk for key in both}
        rows = Task.objects.using(using).filter(pk__in=keys)
        status = dict(rows.values_list("pk", "status"))
        gone = [pk for pk, row, _ in chunk if row not in status]
        if gone:
            Dependency.objects.using(using).filter(pk__in=gone).delete_now()
        needs = dict.fromkeys(key for _, row, key in chunk if row in status)
        finished = [key for key in needs if status.get(key) == states.FINISHED]
        never = [key for key in needs if status.get(key, states.CANCELLED) == states.CANCELLED]
        return finished, never
