"""
What follows for rows that belong together: who began before whom, whom batches called, and whether
each slot of a schedule was made once for all.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from boogie.apps.tasks import Batch, Schedule, Task
from boogie.apps.tasks.models import Dependency
from faults.journal import Event
from faults.lab import together

#: Problems of one kind that are told.
SOME = 5


def broken(events: Iterable[Event]) -> list[str]:
    """Return what is not as it was promised, of rows that have all ended."""
    return [
        text for found in (_chains(events), _batches(), _slots()) for text in list(found)[:SOME]
    ]


# --- chains ---------------------------------------------------------------------------


def _chains(events: Iterable[Event]) -> Iterator[str]:
    """Yield what began before what it is after had finished, or did so in vain."""
    begun: dict[str, int] = {}
    ended: dict[tuple[str, int], int] = {}
    for event in events:
        if event.kind == "start":
            begun.setdefault(event.row, event.ns)
        elif event.kind == "end":
            ended[event.row, event.attempt] = event.ns
    arrows = list(Dependency.objects.values_list("row_id", "needs_id"))
    keys = {key for both in arrows for key in both}
    rows = {row.pk: row for row in Task.objects.filter(pk__in=keys)}
    for key, needed in arrows:
        row, other = rows.get(key), rows.get(needed)
        if row is None or other is None:
            yield f"a row of {key} after {needed} is gone"
        elif (start := begun.get(str(key))) is not None:
            end = ended.get((str(needed), other.attempt))
            if other.status != "finished":
                yield f"{row} began, and {other}, which it is after, did not finish"
            elif end is None or end > start:
                yield f"{row} began before {other} had ended, which it is after"
        elif row.status != "cancelled" and not _fails_unbegun(row, other):
            yield f"{row} after {other} never began"


def _fails_unbegun(row: Task, other: Task) -> bool:
    """Return whether a row was to start, and its object was gone, or its process, too often."""
    return bool(row.is_failed and other.is_finished)


# --- batches --------------------------------------------------------------------------


def _batches() -> Iterator[str]:
    """Yield batches that have not ended as their rows have, or called somebody twice or never."""
    called: dict[str, Counter[str]] = defaultdict(Counter)
    for about in Task.objects.filter(name__in=_called()).values_list("object_id", "name"):
        called[about[0]][about[1]] += 1
    statuses: dict[Any, Counter[str]] = defaultdict(Counter)
    for key, status in Task.objects.filter(batch_id__gt=0).values_list("batch_id", "status"):
        statuses[key][status] += 1
    for batch in Batch.objects.all():
        expected = _outcome(statuses[batch.pk])
        if batch.status != expected:
            yield f"batch {batch.pk} is {batch.status}, its rows are {expected}"
        times = called[batch.object_id]
        if times[together.archived.name] != 1:
            yield f"on_end of batch {batch.pk}: {times[together.archived.name]} times"
        if times[together.succeeded.name] != (expected == "finished"):
            yield f"on_success of batch {batch.pk}: {times[together.succeeded.name]} times"
        if not (expected == "failed") <= times[together.warned.name] <= 1:
            yield f"on_failure of batch {batch.pk}: {times[together.warned.name]} times"


def _called() -> list[str]:
    return [task.name for task in together.CALLED.values()]


def _outcome(statuses: Counter[str]) -> str:
    return next((s for s in ("failed", "cancelled") if statuses[s]), "finished")


# --- schedules ------------------------------------------------------------------------


def _slots() -> Iterator[str]:
    """Yield what was made for some objects of a slot and not for others, or for no slot."""
    for schedule in Schedule.objects.all():
        times: Counter[str] = Counter()
        last = schedule.created
        rows = Task.objects.filter(name=schedule.task).order_by("created")
        for key, created in rows.values_list("object_id", "created"):
            times[key] += 1
            last = created
        if schedule.declared:
            subscribers = together.Thing.objects.filter(label__startswith=together.SUBSCRIBER)
            of_each = {str(pk): times[str(pk)] for pk in subscribers.values_list("pk", flat=True)}
            if len(set(of_each.values())) > 1:
                numbers = sorted(Counter(of_each.values()).items())
                yield f"{schedule.name}: (rows, objects with so many): {numbers}"
        most = (last - schedule.created).total_seconds() / together.EVERY + 1
        if times and max(times.values()) > most:
            yield f"{schedule.name}: {max(times.values())} rows of an object, {most:.1f} slots"
