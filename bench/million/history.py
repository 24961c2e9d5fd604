"""
The rows: thirty days of work, in the order in which they were made. The same for the same seed.
"""

import json
import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Any

from boogie.apps.tasks.lifecycle import states

from . import cast
from .cast import Cast

DAYS = 30
SECOND = timedelta(seconds=1)

#: Of a million rows; of all others, they have finished.
SHARES = {
    states.FAILED: 20_000,
    states.CANCELLED: 10_000,
    states.QUEUED: 9_000,
    states.PAUSED: 1_000,
}
#: Whatever the size of the table.
RUNNING, STALLED = 40, 5
#: The share of the newest rows among which queued ones are.
FRESH = 0.05
#: The share of the oldest rows among which those are of what is no more.
OLD = 0.02

Row = dict[str, Any]


@dataclass(frozen=True)
class Extremes:
    """What few sites have, besides: rows that all wait, and rows of one and the same object."""

    waiting: int = 0
    of_one_object: int = 0


NONE = Extremes()

#: What a row has that has nothing else; times and keys are text, as the database reads it.
PLAIN: Row = {
    "object_db": "default",
    "args": "[]",
    "kwargs": "{}",
    "result": None,
    "errors": "[]",
    "attempt": 0,
    "retries": 0,
    "losses": 0,
    "priority": 0,
    "worker": "",
    "pid": None,
    "scheduled_for": None,
    "rescue": True,
    "terminate": False,
    "not_before": None,
    "due": None,
    "expires": None,
    "started": None,
    "ended": None,
    "progress": None,
    "progressed": None,
    "log": None,
    "context": None,
    "requested_by_id": "",
    "requested_by_name": "",
    "parent_id": None,
    "error_type": "",
    "held_by": "",
    "batch_id": None,
    "is_after": None,
    "is_needed": False,
    "limits": None,
    "unique_key": "",
    "unique_running": False,
    "acknowledged": None,
    "acknowledged_by_id": "",
    "backend": "",
    "claims": None,
    "wipe": 0,
    "erased": None,
}


def skewed(number: int) -> list[float]:
    """Return cumulative weights: a few are chosen often, most seldom."""
    return list(accumulate(1 / (n + 1) ** 0.7 for n in range(number)))


def _dated(moment: datetime) -> str:
    """Return a time as JSON has it."""
    return f"{moment.isoformat()}+00:00"


class History:
    """Rows as dictionaries by column. ``key`` and ``time``: how the database writes these."""

    def __init__(
        self, cast: Cast, size: int, extremes: Extremes, now: datetime, key: Any, time: Any
    ) -> None:
        self.cast, self.size, self.now, self.key, self.time = cast, size, now, key, time
        self.extremes = extremes
        self.chance = random.Random(size)
        self.weights = {
            "names": skewed(len(cast.names)),
            "objects": list(accumulate([1.0] * len(cast.objects))),
            "users": skewed(len(cast.users)),
        }
        self.failing = list(cast.errors)
        self.queues = {name: cast.queue_of(name) for name in cast.names}
        self.parent: tuple[Any, int] = (None, 0)
        self.stalled = STALLED

    def rows(self) -> Iterator[Row]:
        """Yield all rows, oldest first."""
        statuses = self._statuses()
        gap = timedelta(days=DAYS) / self.size
        start = self.now - timedelta(days=DAYS)
        for n in range(self.size):
            created = start + gap * (n + self.chance.random())
            row = self._row(statuses.get(n, states.FINISHED), created)
            if n < self.size * OLD and row["status"] == states.FINISHED and n % 10 == 0:
                row |= cast.RETIRED
            yield row

    def _statuses(self) -> dict[int, str]:
        """Return the status of those rows that have not finished, by their places."""
        found: dict[int, str] = {}
        self._place(found, states.RUNNING, RUNNING, 10 * RUNNING)
        for status, share in SHARES.items():
            number, among = max(10, share * self.size // 1_000_000), self.size
            if status == states.QUEUED:
                number = max(number, self.extremes.waiting)
                among = max(int(self.size * FRESH), number * 5 // 4)
            self._place(found, status, number, among)
        return found

    def _place(self, found: dict[int, str], status: str, number: int, among: int) -> None:
        """Give ``number`` of the newest ``among`` rows a status, of those that have none."""
        free = [n for n in range(self.size - among, self.size) if n not in found]
        found.update(dict.fromkeys(self.chance.sample(free, number), status))

    def _row(self, status: str, created: datetime) -> Row:
        chance = self.chance
        name = chance.choice(self.failing) if status == states.FAILED else self._choice("names")
        is_of_one = chance.random() * self.size < self.extremes.of_one_object
        kind, key = self.cast.objects[0] if is_of_one else self._choice("objects")
        row = {
            **PLAIN,
            "id": self.key(self._id(created)),
            "name": name,
            "content_type_id": kind,
            "object_id": key,
            "status": status,
            "queue": self.queues[name],
            "created": self.time(created),
        }
        if chance.random() < 0.6:
            row["requested_by_id"], row["requested_by_name"] = self._choice("users")
        self._give_a_parent(row)
        getattr(self, f"_{status}")(row, created)
        return row

    def _choice(self, what: str) -> Any:
        return self.chance.choices(getattr(self.cast, what), cum_weights=self.weights[what])[0]

    def _id(self, created: datetime) -> uuid.UUID:
        """Return an id as it would have been made at that moment."""
        ticks = int(created.timestamp() * 4_096_000)
        value = (ticks >> 12) << 80 | 0x7 << 76 | (ticks & 0xFFF) << 64
        return uuid.UUID(int=value | 0b10 << 62 | self.chance.getrandbits(62))

    def _give_a_parent(self, row: Row) -> None:
        """Have a row in a hundred make ten others; and one in ten thousand a thousand."""
        parent, left = self.parent
        if left:
            row["parent_id"], self.parent = parent, (parent, left - 1)
        elif self.chance.random() < 0.01:
            children = 1000 if self.chance.random() < 0.01 else 10
            self.parent = (row["id"], children)

    # --- each status ------------------------------------------------------------------

    def _ended(self, row: Row, created: datetime) -> datetime:
        """Have a row run; return when it ended."""
        waited = self.chance.expovariate(1 / 20)
        ran = self.chance.lognormvariate(0, 1.5)
        started = min(created + SECOND * waited, self.now)
        ended = min(started + SECOND * ran, self.now)
        alive = self.now - created < timedelta(days=2)
        row["worker"] = self.chance.choice(self.cast.living if alive else self.cast.dead)
        row |= {"attempt": 1, "pid": 4242, "started": self.time(started), "ended": self.time(ended)}
        return ended

    def _finished(self, row: Row, created: datetime) -> None:
        ended = self._ended(row, created)
        drawn = self.chance.random()
        row["result"] = '{"changed": 12}'
        if drawn < 0.01:
            row["log"] = cast.log(500 if drawn < 0.0002 else 20, _dated(ended))
        elif drawn < 0.02:
            row["result"] = json.dumps({"names": [f"name {n}" for n in range(300)]})
        elif drawn < 0.30:
            row["progress"] = '{"done": 80, "total": 80, "note": "", "fraction": 1.0}'
            row["progressed"] = row["ended"]

    def _failed(self, row: Row, created: datetime) -> None:
        ended = self._ended(row, created)
        kind = row["error_type"] = self.chance.choice(self.cast.errors[row["name"]])
        entry = cast.error(row["name"], kind, row["worker"], _dated(ended))
        tries = 4 if self.chance.random() < 0.2 else 1
        entries = [{**entry, "attempt": n + 1} for n in range(tries)]
        row |= {"attempt": tries, "retries": tries - 1, "errors": json.dumps(entries)}
        if self.chance.random() < 0.3:
            row["acknowledged"] = self.time(self.now)
            row["acknowledged_by_id"] = self.cast.users[0][0]

    def _cancelled(self, row: Row, created: datetime) -> None:
        row["ended"] = self.time(min(created + SECOND * self.chance.expovariate(1 / 60), self.now))

    def _paused(self, row: Row, created: datetime) -> None:
        pass

    def _queued(self, row: Row, created: datetime) -> None:
        row["priority"] = 5 if self.chance.random() < 0.1 else 0
        row["due"] = row["created"]
        if self.chance.random() < 2 / 9:
            later = self.now + SECOND * self.chance.uniform(60, 5 * 86400)
            row["scheduled_for"] = row["not_before"] = row["due"] = self.time(later)

    def _running(self, row: Row, created: datetime) -> None:
        worker = self.chance.choice(self.cast.living)
        moved, self.stalled = self.now, self.stalled - 1
        if self.stalled >= 0:
            moved -= timedelta(minutes=30)
        done = self.chance.randrange(1, 80)
        progress = {"done": done, "total": 80, "note": "step", "fraction": done / 80}
        row |= {
            "attempt": 1,
            "worker": worker,
            "pid": 4242,
            "started": self.time(min(created, moved)),
            "progress": json.dumps(progress),
            "progressed": self.time(moved),
        }
