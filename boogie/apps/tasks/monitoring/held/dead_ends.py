"""
What stands still until somebody acts: rows that wait for one that has failed, and batches that
cannot end since all that is left of them is paused, or waits so, or since they are to call tasks
that nobody declares.

Bounded: what waits longest is looked at, and no more.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery

from boogie.apps.tasks import registry
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

    def as_dict(self) -> dict[str, Any]:
        """Return them as JSON-compatible data."""
        return {"rows": self.rows, "is_part": self.is_part, "failed": self.names}


@dataclass(frozen=True)
class StuckBatches:
    """Running batches that cannot end."""

    #: Those of which all that is left stands still.
    waiting: Sequence[Batch] = ()
    #: Those of which nothing is left, each with what it is to call and nobody declares here.
    uncalled: Sequence[tuple[Batch, list[str]]] = ()


def waiting() -> QuerySet[Any]:
    """Return the arrows of rows that wait, the oldest first."""
    return Dependency.objects.on_primary().filter(state=arrows.WAITS).order_by("pk")


def running() -> QuerySet[Any]:
    """Return the batches that run, the oldest first."""
    return Batch.objects.on_primary().running().order_by("pk")


def found() -> DeadEnds:
    """Look for them, in one statement."""
    failed = Task.objects.failed().filter(pk=OuterRef("needs_id")).values("name")
    looked_at = list(waiting().values_list("row_id", "needs_id", Subquery(failed))[:LOOK])
    ends = [(row, needs, name) for row, needs, name in looked_at if name is not None]
    names = sorted({needs: name for _, needs, name in ends}.items())
    return DeadEnds(
        len({row for row, *_ in ends}),
        [Task(pk=needs, name=name) for needs, name in names],
        len(looked_at) == LOOK,
    )


def stuck_batches() -> StuckBatches:
    """Return those of the oldest running batches that cannot end, in one statement."""
    looked_at = running().annotate(is_stuck=_is_stuck(), is_open=Exists(_left()))[:BATCHES]
    unknown = [(batch, unknown_calls(batch)) for batch in looked_at if not batch.is_open]
    return StuckBatches(
        [batch for batch in looked_at if batch.is_stuck],
        [(batch, names) for batch, names in unknown if names],
    )


def unknown_calls(batch: Batch) -> list[str]:
    """Return the names of what a batch is to call and has not, and nobody declares here."""
    to_call = (
        (batch.on_success, batch.success_id),
        (batch.on_failure, batch.failure_id),
        (batch.on_end, batch.end_id),
    )
    names = dict.fromkeys(name for name, called in to_call if name and called is None)
    return [name for name in names if registry.get(name) is None]


def is_stuck(batch: Batch) -> bool:
    """
    Return whether nothing of a running batch will go on by itself.

    A row of it that waits for another one of it will not, either, if that does not.
    """
    itself = Batch.objects.using(batch._state.db).running().filter(pk=batch.pk)
    return itself.filter(_is_stuck()).exists()


def _is_stuck() -> Q:
    return Q(Exists(_left())) & ~Q(Exists(_left().filter(_goes_on(Task.objects.on_primary()))))


def _left() -> QuerySet[Any]:
    """Return the rows of a batch that have not ended."""
    return members.open_rows(Task.objects.on_primary(), OuterRef("pk"))


def _goes_on(rows: TaskQuerySet) -> Q:
    """Return the condition of rows of a batch that start without anybody's doing."""
    of_it = Q(batch_id=OuterRef(OuterRef("batch_id")), ended__isnull=True)
    still = Q(status__in=[states.FAILED, states.PAUSED]) | of_it
    needs = rows.filter(still, pk=OuterRef("needs_id"))
    waits = arrows.all_in(rows.db).filter(row_id=OuterRef("pk"), state=arrows.WAITS)
    in_vain = Q(is_after=True) & Q(Exists(waits.filter(Exists(needs))))
    return ~Q(status=states.PAUSED) & ~in_vain
