"""
What follows for unique rows, and for rows under limits: who was there, or ran, at one time.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from boogie.apps.tasks import Task
from faults.evidence.figures import Run

LIVE = ("paused", "queued", "running")

#: By the names of tasks: how many run at one time, and whether that is for each object.
Limits = Mapping[str, tuple[int, bool]]
#: From when to when, in any unit.
Span = tuple[Any, Any]


def most(spans: Iterable[Span]) -> int:
    """Return how many spans there are at one time; of two that touch, one is over."""
    spans = list(spans)
    moments = [(start, 1) for start, _end in spans] + [(end, -1) for _start, end in spans]
    here = found = 0
    for _moment, change in sorted(moments):
        here += change
        found = max(found, here)
    return found


def broken(
    limits: Limits, rows: Iterable[Any], bodies: Iterable[Run], excused: set[str]
) -> list[str]:
    """
    Return where more ran at one time than may: bodies, and rows by the database's clock.

    Bodies of ``excused`` rows do not count: they were frozen, and their rows were rescued. Nor do
    those of rows that were cancelled, which may go on for a while.
    """
    rows = [row for row in rows if row.name in limits]
    keys = {str(row.pk): _key(limits, row) for row in rows if row.status != "cancelled"}
    spans: dict[tuple[str, str, str], list[Span]] = defaultdict(list)
    for body in bodies:
        if body.row in keys and body.row not in excused:
            spans["bodies", *keys[body.row]].append((body.start, body.end))
    for row in rows:
        if row.started is not None and row.ended is not None:
            spans["rows", *_key(limits, row)].append((row.started, row.ended))
    found = [(key, most(times), limits[key[1]][0]) for key, times in spans.items()]
    return [
        f"{number} {what} of {name} {about} at one time, the limit is {limit}"
        for (what, name, about), number, limit in found
        if number > limit
    ]


def _key(limits: Limits, row: Any) -> tuple[str, str]:
    """Return what the limit of a row is counted by."""
    _number, by_object = limits[row.name]
    return row.name, row.object_id if by_object else ""


def doubles(unique: Iterable[str]) -> list[str]:
    """Return about which objects tasks with the names ``unique`` have two live rows now."""
    live = Task.objects.filter(name__in=unique, status__in=LIVE)
    seen: set[Any] = set()
    twice = []
    for key in live.order_by().values_list("name", "object_id"):
        twice += [f"two live rows of {key}"] * (key in seen)
        seen.add(key)
    return twice
