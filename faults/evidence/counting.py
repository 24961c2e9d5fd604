"""
What became of the rows of a scene: the rows, the effects and the journal compared.
"""

from typing import Any

from boogie.apps.tasks import Task
from boogie.apps.tasks.conf import conf
from boogie.apps.tasks.models import (
    Batch,
    Dependency,
    Hold,
    Limit,
    Message,
    Schedule,
    Slot,
    Stand,
)
from boogie.apps.tasks.models import Worker as WorkerRow
from faults.evidence import crowds, figures, order
from faults.journal import Event
from faults.lab import tasks, together
from faults.lab.models import Effect, Thing

ENDED = ("finished", "failed", "cancelled")

#: Bodies that raise nothing by themselves.
_HARMLESS = (tasks.work, tasks.exact, tasks.hold, tasks.addressed)
_HARMLESS += (tasks.only, tasks.single, tasks.pair)
HARMLESS = tuple(body.name for body in (*_HARMLESS, *together.HARMLESS))
#: How many of a task run at one time, and whether that is for each object.
LIMITS = {tasks.single.name: (1, False), tasks.pair.name: (2, True)}
#: What a body raises whose statement meets a database that went away; and how one is known.
DATABASE_ERRORS = ("OperationalError", "InterfaceError", "InternalError")
BODY = "faults/lab/"
#: What no fault leaves to the next one.
EVERYTHING: tuple[Any, ...] = (Task, Message, WorkerRow, Hold, Slot, Stand, Limit, Effect, Thing)
EVERYTHING += (Batch, Dependency, Schedule)


def count(outcome: figures.Outcome, events: list[Event], made: set[str], excused: set[str]) -> None:
    """
    Note in an outcome what was lost, overlapped, was written late, happened twice, or too often
    at one time.

    ``made`` are rows that must be there; bodies of ``excused`` may overlap with their rescue.
    """
    done = {(e.row, e.attempt) for e in events if e.kind == "end"}
    finished: set[tuple[str, int]] = set()
    seen = set()
    for row in Task.objects.iterator():
        key = str(row.pk)
        seen.add(key)
        outcome.rows += 1
        outcome.late_writes += late_writes(row)
        # A row that says it has finished, and of which no body did, is as good as lost.
        is_done = row.status in ENDED and (not row.is_finished or (key, row.attempt) in done)
        outcome.lost += not is_done
        if row.is_finished and row.name == tasks.exact.name:
            finished.add((key, row.attempt))
        if row.is_failed and not _may_fail(row):
            outcome.problems.append(f"{row} failed: {row.error}"[:500])
    outcome.lost += len((made | {e.row for e in events if e.kind == "start"}) - seen)
    strangers = sum(e.kind == "stranger" for e in events)
    outcome.problems += [f"{strangers} row(s) came with another's message"] * bool(strangers)
    bodies = figures.runs(events)
    _count_overlaps(outcome, figures.overlaps(bodies), excused)
    outcome.problems += crowded(bodies, excused) + doubled() + order.broken(events)
    _count_effects(outcome, finished)


def crowded(bodies: list[figures.Run], excused: set[str]) -> list[str]:
    """Return where more ran at one time than a limit allows."""
    rows = Task.objects.filter(name__in=LIMITS)
    return crowds.broken(LIMITS, rows, bodies, excused)


def doubled() -> list[str]:
    """Return of which unique tasks there are two live rows about one object (one query)."""
    return crowds.doubles([tasks.only.name])


def late_writes(row: Task) -> int:
    """Return how many writes to a row came from a run that had lost it."""
    late = row.is_finished and row.result is not None and row.result != row.attempt
    kinds = [error for error in row.errors if not error["type"].endswith(".Superseded")]
    attempts = [error["attempt"] for error in kinds]
    return late + len(attempts) - len(set(attempts))


def _may_fail(row: Task) -> bool:
    """Return whether there is a good reason: the object is gone, all losses, what a body raised."""
    kind = (row.error or "").partition(":")[0]
    if row.name not in HARMLESS or kind == "ObjectGone":
        return True
    if kind in DATABASE_ERRORS and BODY in row.errors[-1]["traceback"]:
        return True
    return row.losses >= conf.MAX_LOSSES and kind in ("WorkerLost", *DATABASE_ERRORS)


def _count_overlaps(
    outcome: figures.Outcome, pairs: list[tuple[figures.Run, figures.Run]], rows: set[str]
) -> None:
    """Two bodies of one attempt are never excused: only one can have claimed it."""
    excused = sum(one.row in rows and one.attempt != other.attempt for one, other in pairs)
    outcome.excused += excused
    outcome.overlaps += len(pairs) - excused


def _count_effects(outcome: figures.Outcome, finished: set[tuple[str, int]]) -> None:
    """
    Compare the effects of atomic bodies with their finished rows, one by one.

    Which is more than their number: each is the effect of the attempt that finished.
    """
    effects = list(Effect.objects.values_list("row", "attempt"))
    outcome.duplicates += len(effects) - len(set(effects) & finished)
    outcome.duplicates += len(finished - set(effects))


def clear() -> None:
    """Empty the tables."""
    for model in EVERYTHING:
        model._base_manager.all().delete()
