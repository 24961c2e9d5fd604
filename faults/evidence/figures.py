"""
What follows from a journal, and from the rows at the end: lost, overlapping, twice.
"""

import itertools
import math
import statistics
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from faults.journal import Event

#: Messages beyond one for each row, as a part of the rows that wait, that are too many.
MOST_EXTRA = 0.01


@dataclass(frozen=True)
class Run:
    """One body, from its start to its end or to the death of its process."""

    row: str
    attempt: int
    pid: int
    start: int
    end: float


def runs(events: Iterable[Event]) -> list[Run]:
    """Return every body that began. One that neither ended nor died goes on for ever."""
    events = list(events)
    ends: dict[tuple[str, int, int], list[int]] = defaultdict(list)
    deaths: dict[int, list[int]] = defaultdict(list)
    for event in events:
        if event.kind == "end":
            ends[event.row, event.attempt, event.pid].append(event.ns)
        elif event.kind == "death":
            deaths[event.pid].append(event.ns)
    return [
        Run(
            e.row,
            e.attempt,
            e.pid,
            e.ns,
            _after(e.ns, ends[e.row, e.attempt, e.pid], deaths[e.pid]),
        )
        for e in events
        if e.kind == "start"
    ]


def _after(start: int, *moments: list[int]) -> float:
    return min((ns for ns in itertools.chain(*moments) if ns >= start), default=math.inf)


def overlaps(bodies: Iterable[Run]) -> list[tuple[Run, Run]]:
    """Return the pairs of bodies of one row that ran at one time, or under one attempt."""
    of_row: dict[str, list[Run]] = defaultdict(list)
    for run in bodies:
        of_row[run.row].append(run)
    return [
        (one, other)
        for same in of_row.values()
        for one, other in itertools.combinations(same, 2)
        if (one.start < other.end and other.start < one.end) or one.attempt == other.attempt
    ]


@dataclass
class Outcome:
    """What one fault did on one leg."""

    leg: str
    fault: str
    #: What the table calls the fault.
    title: str = ""
    #: Why it was not tried; empty if it was.
    skipped: str = ""
    #: Times that the fault was made, and rows that lived through it.
    runs: int = 0
    rows: int = 0
    lost: int = 0
    overlaps: int = 0
    #: Overlaps of bodies that a frozen worker ran: it counted as dead, and lived on.
    excused: int = 0
    #: Writes to a row by a run that had lost it.
    late_writes: int = 0
    #: Atomic effects without a finished row of theirs, or finished rows without their effect.
    duplicates: int = 0
    #: Seconds from the fault until the row ran again.
    recoveries: list[float] = field(default_factory=list)
    #: Longest recovery that is allowed, where one is.
    limit: float | None = None
    #: Rows that waited, and messages that were published for them beyond one for each.
    waiting: int = 0
    extra: int | None = None
    #: What else was not as it should be.
    problems: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def median(self) -> float | None:
        return statistics.median(self.recoveries) if self.recoveries else None

    @property
    def worst(self) -> float | None:
        return max(self.recoveries, default=None)

    def violations(self, timed: bool = True) -> list[str]:
        """Return every promise that was broken; ``timed``: the recovery limits among them."""
        broken = list(self.problems)
        broken += [f"{self.lost} row(s) lost"] * bool(self.lost)
        broken += [f"{self.overlaps} overlapping run(s)"] * bool(self.overlaps)
        broken += [f"{self.late_writes} late write(s) accepted"] * bool(self.late_writes)
        broken += [f"{self.duplicates} effect(s) twice or missing"] * bool(self.duplicates)
        if self.extra is not None and not 0 <= self.extra < MOST_EXTRA * self.waiting:
            broken.append(f"{self.extra} extra messages for {self.waiting} rows")
        if timed and self.limit is not None and (self.worst or 0) > self.limit:
            broken.append(f"recovery took {self.worst:.1f} s, the limit is {self.limit:.0f} s")
        return broken

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)
