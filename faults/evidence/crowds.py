"""
What follows for unique rows, and for rows under limits: who was there, or ran, at one time.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from boogie.apps.tasks import Task
from faults.evidence.figures import Run
from faults.lab import tasks

#: How many bodies of a task may run at one time, and whether that is for each object.
LIMITS = {tasks.single.name: (1, False), tasks.pair.name: (2, True)}
#: Tasks of which one row about an object is enough, while it lives.
UNIQUE = (tasks.only.name,)
LIVE = ("paused", "queued", "running")

#: From when to when, in any unit.
Span = tuple[Any, Any]


def most(spans: Iterable[Span]) -> int:
    """Return how many spans there are at one time; one that begins where another ends is alone."""
    moments = [(start, 1) for start, _end in spans] + [(end, -1) for _start, end in spans]
    here = found = 0
    for _moment, change in sorted(moments):
        here += change
        found = max(found, here)
    return found


def broken(rows: Iterable[Task], bodies: Iterable[Run], excused: set[str]) -> list[str]:
    """
    Return where more ran at one time than may: bodies, and rows by the database's clock.

    Bodies of ``excused`` rows do not count: they were frozen, and their rows were rescued. Nor do
    those of rows that were cancelled, which may go on for a while.
    """
    rows = [row for row in rows if row.name in LIMITS]
    keys = {str(row.pk): key_of(row) for row in rows if row.status != "cancelled"}
    ran: dict[tuple[str, str], list[Span]] = defaultdict(list)
    for body in bodies:
        if body.row in keys and body.row not in excused:
            ran[keys[body.row]].append((body.start, body.end))
    was: dict[tuple[str, str], list[Span]] = defaultdict(list)
    for row in rows:
        if row.started is not None and row.ended is not None:
            was[key_of(row)].append((row.started, row.ended))
    found = [(key, most(spans), "bodies") for key, spans in ran.items()]
    found += [(key, most(spans), "rows") for key, spans in was.items()]
    return [
        f"{number} {what} of {key} ran at one time, the limit is {LIMITS[key[0]][0]}"
        for key, number, what in found
        if number > LIMITS[key[0]][0]
    ]


def key_of(row: Task) -> tuple[str, str]:
    """Return what the limit of a row is counted by."""
    _number, by_object = LIMITS[row.name]
    return row.name, row.object_id if by_object else ""


def doubles() -> list[str]:
    """Return the objects about which there are two live rows at this moment (one query)."""
    live = Task.objects.filter(name__in=UNIQUE, status__in=LIVE)
    seen: set[tuple[str, str]] = set()
    twice = []
    for key in live.order_by().values_list("name", "object_id"):
        if key in seen:
            twice.append(f"two live rows of {key}")
        seen.add(key)
    return twice
