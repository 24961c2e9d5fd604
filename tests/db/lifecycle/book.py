"""
What may become of rows, written down once more: whose an arrow is, and what it changes.

The book is compared with the tables after every step of the model.
"""

from collections import Counter

from django.db import connection

from boogie.apps.tasks import Task
from boogie.apps.tasks.conf import conf
from boogie.apps.tasks.db import compiled
from boogie.apps.tasks.lifecycle import states
from boogie.apps.tasks.lifecycle.states import (
    ARROWS,
    CANCEL,
    CLAIM,
    FAIL,
    FINISH,
    PAUSE,
    REQUEUE,
    RESCUE,
    RETRY,
    RUN,
)
from boogie.apps.tasks.models import Hold
from tests.project.shop.models import Product

#: Why a run was not repeated that gave way to a newer row.
SUPERSEDED = "boogie.apps.tasks.exceptions.Superseded"

#: What a body returns.
DONE = "done"

#: Which arrows each kind of process may take.
ARROWS_OF = {
    "user": {RUN, PAUSE, CANCEL, REQUEUE},
    "child": {CLAIM, FINISH, FAIL, RETRY, CANCEL},
    "keeper": {RESCUE, FAIL},
}
#: Arrows that add to the errors of a row.
TELLING = (FAIL, RETRY, RESCUE)
#: Jobs that may put off, or forward, when a queued row is looked at.
RINGING = ("ring", "release", "delayed", "run", "hold", "wake")


class Book:
    """All rows as they were after the last step, and which processes run them."""

    def __init__(self):
        self.rows = {}
        self.reader = compiled.Reader(connection, Task.objects.order_by("id"))
        #: By row: the process that made its current attempt, as long as that may write.
        self.owners = {}
        #: Whether the queue was held after the last step.
        self.is_held = False
        #: Signals that may have been sent, and those that were.
        self.announced, self.heard = Counter(), Counter()

    def listen(self):
        """Hear every signal; the verbs take a longer way then."""
        for name, signal in self._signals():
            signal.connect(self._hear, weak=False, dispatch_uid=name)

    def listen_no_more(self):
        for name, signal in self._signals():
            signal.disconnect(dispatch_uid=name)

    def _signals(self):
        return [(arrow.signal_name, arrow.signal) for arrow in ARROWS if arrow.signal]

    def _hear(self, signal, task, **named):
        name = next(name for name, known in self._signals() if known is signal)
        self.heard[name, task.pk] += 1

    # --- steps ------------------------------------------------------------------------

    def copy(self):
        """Take the rows as they are: the world changed them, not a process."""
        self.rows = self._read()

    def compare(self, who):
        """Check what the last step, which ``who`` made, has done to all rows."""
        found = self._read()
        assert self.rows.keys() <= found.keys(), "a row is lost"
        stocks = {str(pk): stock for pk, stock in Product.objects.values_list("pk", "stock")}
        effects = Counter(
            row["object_id"] for row in found.values() if row["status"] == states.FINISHED
        )
        for key, new in found.items():
            old = self.rows.get(key)
            if old is None:
                self._appeared(who, new)
            elif old["status"] != new["status"]:
                self._moved(who, old, new)
            elif old != new:
                self._was_put_off(who, old, new)
            assert stocks[new["object_id"]] == effects[new["object_id"]]
            if old != new:
                self._check(new)
        places = Counter(row["unique_key"] for row in found.values() if _has_place(row))
        assert set(places.values()) <= {1}, "two rows have one place"
        self.rows = found
        self.is_held = Hold.objects.active().exists()
        assert self.heard <= self.announced

    def _read(self):
        # Compiled once: it is most of what the model asks the database.
        rows = [self.reader.instance(row) for row in self.reader.statement.all(connection, {})]
        return {row.pk: {name: vars(row)[name] for name in self.reader.names} for row in rows}

    def _appeared(self, who, new):
        assert who.kind == "user"
        assert new["status"] == (states.PAUSED if who.job == "paused" else states.QUEUED)
        assert (new["attempt"], new["retries"], new["losses"], new["errors"]) == (0, 0, 0, [])
        self.announced[f"task_{new['status']}", new["id"]] += 1

    def _was_put_off(self, who, old, new):
        assert {name for name in new if new[name] != old[name]} <= {"due", "held_by"}
        assert new["status"] == states.QUEUED
        assert who.job in RINGING

    def _moved(self, who, old, new):
        arrow = _arrow(old, new)
        may = ARROWS_OF[who.kind] | ({CANCEL} if _is_superseded(new) else set())
        assert arrow in may, f"{who} took {arrow.name}"
        if old["status"] == states.RUNNING:
            self._left(who, arrow, old)
        if arrow is CLAIM:
            assert not self.is_held, "a row of a queue started that is held"
            assert old["not_before"] is None or old["not_before"] <= new["started"]
            assert (new["worker"], new["pid"]) == (who.life.pk, who.pid)
            self.owners[old["id"]] = who
        _check_counts(arrow, old, new)
        who.taken.append(arrow)
        self.announced[arrow.signal_name, old["id"]] += 1

    def _left(self, who, arrow, old):
        """Check that ``who`` may end the current attempt of a row."""
        owner = self.owners.pop(old["id"])
        if who.kind == "user":
            assert arrow is CANCEL
        elif who.kind == "child":
            assert who is owner, f"{who} wrote to the row of {owner}"
        elif who.job == "rescue":
            assert old["worker"] in who.dead, "the worker lives"
        else:
            assert owner.over, "the process lives"
            assert old["worker"] == who.life.pk

    def _check(self, row):
        """Check that the columns of a row agree with each other."""
        status = row["status"]
        assert (status in states.ENDED) == (row["ended"] is not None)
        if status == states.QUEUED:
            assert row["due"] is not None or row["held_by"]
        else:
            assert row["due"] is None
        assert (status == states.RUNNING) == (row["id"] in self.owners)
        assert row["result"] == (DONE if status == states.FINISHED else None)
        told = [error["attempt"] for error in row["errors"] if error["type"] != SUPERSEDED]
        assert told == sorted(set(told))
        assert row["losses"] <= conf.MAX_LOSSES


def _has_place(row):
    waits = row["status"] in (states.PAUSED, states.QUEUED)
    runs = row["status"] == states.RUNNING and row["unique_running"]
    return row["unique_key"] > "" and (waits or runs)


def _is_superseded(row):
    """Return whether a row was cancelled in favour of a newer one, of the task that has such."""
    errors = row["errors"]
    if row["status"] != states.CANCELLED or not errors or errors[-1]["type"] != SUPERSEDED:
        return False
    assert row["unique_key"]
    assert not row["unique_running"]
    return True


def _arrow(old, new):
    """Return the arrow that leads from ``old`` to ``new``."""
    way = (old["status"], new["status"])
    found = [arrow for arrow in ARROWS if way[0] in arrow.sources and way[1] == arrow.target]
    assert found, f"no arrow leads from {way[0]} to {way[1]}"
    if set(found) == {RETRY, RESCUE}:
        return RETRY if new["retries"] > old["retries"] else RESCUE
    (arrow,) = found
    return arrow


def _check_counts(arrow, old, new):
    anew = arrow is REQUEUE
    assert new["attempt"] == old["attempt"] + (arrow is CLAIM)
    assert new["retries"] == (0 if anew else old["retries"] + (arrow is RETRY))
    assert new["losses"] == (0 if anew else old["losses"] + (arrow is RESCUE))
    told = new["errors"][len(old["errors"]) :]
    assert new["errors"] == old["errors"] + told
    number = 2 if arrow is CANCEL and told and _is_superseded(new) else arrow in TELLING
    assert [error["attempt"] for error in told] == [old["attempt"]] * number
