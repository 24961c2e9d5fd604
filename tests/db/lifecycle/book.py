"""
What may become of rows, written down once more: whose an arrow is, and what it changes.

The book is compared with the tables after every step of the model.
"""

from collections import Counter

from django.db import connection

from boogie.apps.tasks import Task, identity
from boogie.apps.tasks.db import compiled
from boogie.apps.tasks.lifecycle import states
from boogie.apps.tasks.lifecycle.states import (
    ARROWS,
    CANCEL,
    CLAIM,
    CREATE_RUNNING,
    FAIL,
    FINISH,
    HASTEN,
    PAUSE,
    REQUEUE,
    RESCUE,
    RETRY,
    RUN,
)
from tests.db.lifecycle import columns
from tests.db.lifecycle.laws import Laws
from tests.db.lifecycle.worlds import Limits
from tests.project.shop.models import Product

#: Which arrows each kind of process may take.
ARROWS_OF = {
    "user": {RUN, PAUSE, CANCEL, REQUEUE},
    "child": {CLAIM, FINISH, FAIL, RETRY, CANCEL},
    "caller": {FINISH, FAIL, CANCEL},
    "keeper": {RESCUE, FAIL},
}
#: Which statuses a row may have that a job deletes.
DELETED = {
    "clean": states.ENDED,
    "purge": states.ENDED,
    "sweep": {*states.ENDED, states.PAUSED, states.QUEUED},
}
#: Jobs that make rows, and with which status.
MADE = {
    "delayed": states.QUEUED,
    "schedule": states.QUEUED,
    "each": states.QUEUED,
    "paused": states.PAUSED,
    "call": states.RUNNING,
}
#: Jobs that may put off, or forward, when a queued row is looked at, or in which line it stands.
RINGING = ("run", "ring", "release", "lying", "wake", "look", "hold", "run_now", *MADE)
#: Jobs that may end a run, or take a row out of its line: others are woken then.
HANDING = ("cancel", "pause", "rescue", "news", "compare")
LOOKED_AT = {"due", "held_by"}
#: What the last call changes of a row that waits for more of them.
POSTPONED = {*LOOKED_AT, "not_before", "scheduled_for"}


class Book:
    """All rows as they were after the last step, and which processes run them."""

    def __init__(self, world, task):
        self.rows = {}
        self.laws = Laws(Limits(task), world.unique, world.debounce)
        self.reader = compiled.Reader(connection, Task.objects.order_by("id"))
        #: By row: the process that made its current attempt, as long as that may write.
        self.owners = {}
        #: Rows of calls that have taken too long, with their attempts.
        self.given_up = set()
        #: By object: the effects of rows that were deleted. Objects whose effects nobody can
        #: tell: a row was deleted of which a late run still had the body before it.
        self.past, self.unknown = Counter(), set()
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

    def _took(self, who, arrow, row):
        who.taken.append(arrow)
        self.announced[arrow.signal_name, row["id"]] += 1

    # --- steps ------------------------------------------------------------------------

    def copy(self):
        """Take the rows as they are: the world changed them, not a process."""
        self.rows = self._read()

    def compare(self, who, late):
        """
        Check what the last step, which ``who`` made, has done to all rows.

        ``late``: the rows that processes have in their hands.
        """
        found = self._read()
        for key in self.rows.keys() - found.keys():
            self._was_deleted(who, self.rows[key], late)
        for key, new in found.items():
            old = self.rows.get(key)
            if old is None:
                self._appeared(who, new)
            elif old["status"] != new["status"]:
                self._moved(who, old, new)
            elif old["attempt"] != new["attempt"]:
                self._was_retried_at_once(who, old, new)
            elif old != new:
                self._was_put_off(who, old, new)
            if old != new:
                columns.check(new, is_owned=key in self.owners)
        self._check_effects(found)
        self.rows = found
        self.laws.hold(found)
        assert self.heard <= self.announced

    def _read(self):
        # Compiled once: it is most of what the model asks the database.
        rows = [self.reader.instance(row) for row in self.reader.statement.all(connection, {})]
        return {row.pk: {name: vars(row)[name] for name in self.reader.names} for row in rows}

    def _check_effects(self, found):
        finished = [row for row in found.values() if row["status"] == states.FINISHED]
        effects = self.past + Counter(row["object_id"] for row in finished)
        for pk, stock in Product.objects.values_list("pk", "stock"):
            assert stock == effects[str(pk)] or str(pk) in self.unknown, "an effect twice, or none"

    # --- one row ----------------------------------------------------------------------

    def _was_deleted(self, who, old, late):
        assert old["status"] in DELETED.get(who.job, ()), f"{who} deleted a row"
        if old["status"] == states.FINISHED:
            self.past[old["object_id"]] += 1
        if old["id"] in late:
            self.unknown.add(old["object_id"])

    def _appeared(self, who, new):
        assert new["status"] == MADE[who.job]
        is_call = new["status"] == states.RUNNING
        assert (new["attempt"], new["retries"], new["losses"]) == (int(is_call), 0, 0)
        assert new["errors"] == []
        who.made.append(new["id"])
        if is_call:
            self.owners[new["id"]] = who
            self.laws.started(self.rows, new, is_claim=False)
            self._took(who, CREATE_RUNNING, new)
        else:
            self.announced[f"task_{new['status']}", new["id"]] += 1

    def _was_put_off(self, who, old, new):
        changed = {name for name in new if new[name] != old[name]}
        assert who.job in (RINGING + HANDING if new["limits"] else RINGING)
        if self.laws.debounce and who.job in MADE:
            assert changed <= POSTPONED
            assert new["status"] in (states.PAUSED, states.QUEUED)
            if who.job == "delayed":
                self.laws.was_put_off(new)
            return
        assert new["status"] == states.QUEUED
        if who.job == "run_now" and "not_before" in changed:
            who.taken.append(HASTEN)
            changed.remove("not_before")
        assert changed <= LOOKED_AT

    def _moved(self, who, old, new):
        arrow = columns.arrow_between(old, new)
        may = ARROWS_OF[who.kind] | ({CANCEL} if columns.is_superseded(new) else set())
        assert arrow in may, f"{who} took {arrow.name}"
        if old["status"] == states.RUNNING:
            self._left(who, arrow, old)
        if arrow is CLAIM:
            assert old["not_before"] is None or old["not_before"] <= new["started"]
            assert (new["worker"], new["pid"]) == (who.life.pk, who.pid)
            self.owners[old["id"]] = who
            self.laws.started(self.rows, new, is_claim=True)
        columns.check_counts(arrow, old, new)
        self._took(who, arrow, old)

    def _was_retried_at_once(self, who, old, new):
        """Check a retry of a ``call()``: it goes on in the same step."""
        assert who.kind == "caller"
        assert who is self.owners[old["id"]]
        assert new["status"] == states.RUNNING
        sums = [row["attempt"] - row["retries"] for row in (old, new)]
        assert (new["attempt"], sums[0]) == (old["attempt"] + 1, sums[1])
        assert [error["attempt"] for error in new["errors"]][-1] == old["attempt"]
        self._took(who, RETRY, old)
        self._took(who, CLAIM, old)

    def _left(self, who, arrow, old):
        """Check that ``who`` may end the current attempt of a row."""
        owner = self.owners.pop(old["id"])
        if who.kind == "user":
            assert arrow is CANCEL
        elif who.kind in ("child", "caller"):
            assert who is owner, f"{who} wrote to the row of {owner}"
        elif identity.is_call(old["worker"]):
            assert (old["id"], old["attempt"]) in self.given_up, "nobody gave the call up"
        elif who.job == "rescue":
            assert old["worker"] in who.dead, "the worker lives"
        else:
            assert owner.over, "the process lives"
            assert old["worker"] == who.life.pk
