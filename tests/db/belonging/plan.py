"""What the contract says of one schedule, kept beside it: its slots, and the rows of each."""

from collections import Counter
from datetime import timedelta

HOUR = timedelta(hours=1)
#: Behind so much a slot counts as missed.
LATE = timedelta(seconds=60)


def following(begin, now):
    """Return the first slot after ``now`` of those that lie an hour from each other."""
    return begin + HOUR * ((now - begin) // HOUR + 1)


class Slot:
    """The rows of one slot."""

    def __init__(self, objects):
        #: Objects that have been there all the time.
        self._objects = set(objects)
        self._made = Counter()

    def see(self, objects, made):
        """Learn of some rows."""
        self._objects &= objects
        self._made += made
        twice = [key for key, number in self._made.items() if number > 1]
        assert not twice, f"a slot is made twice for {twice}"

    def check(self):
        """Look at one of which all is made."""
        left = self._objects - self._made.keys()
        assert not left, f"a slot leaves {left} out"


class Plan:
    """One schedule; ``skips``: missed slots are not made up for."""

    def __init__(self, schedule, skips=False):
        self.name, self.task = schedule.name, schedule.declaration
        self._skips = skips
        self._next_run = schedule.next_run
        self._rows = Counter()
        self._slot = None

    def see(self, schedule, objects, now, is_asked=False):
        """
        Learn of what one process did, for which it was ``now``: one slot, or a portion of it.

        ``is_asked``: somebody asked for rows besides.
        """
        rows = Counter(self.task.tasks().values_list("object_id", flat=True))
        assert rows >= self._rows, "rows are gone"
        made, self._rows = rows - self._rows, rows
        if schedule.next_run != self._next_run:
            self._see_taken(schedule, objects, now)
        elif is_asked and self._slot is None and (made or schedule.slot):
            self._slot = Slot(objects)
        assert self._slot or not made, f"rows are made at no slot: {made}"
        if self._slot is None:
            assert schedule.slot is None, "a slot is made that nobody has taken"
            return
        self._slot.see(objects, made)
        if schedule.slot is None:
            self._slot.check()
            self._slot = None

    def _see_taken(self, schedule, objects, now):
        assert self._next_run <= now, "a slot is made too early"
        assert self._slot is None, "a slot is taken in the midst of another"
        assert schedule.next_run == following(self._next_run, now), "it is not the next one"
        if not (self._skips and now - self._next_run > LATE):
            self._slot = Slot(objects)
        self._next_run = schedule.next_run

    def give_up(self, schedule):
        """Learn that somebody has paused it: what is half made is left so."""
        if not schedule.enabled:
            assert schedule.slot is None
            self._slot = None

    def pass_over(self, schedule, now):
        """Learn that somebody goes on with it: what passed meanwhile is not made up for."""
        if self._next_run <= now:
            assert schedule.next_run == following(self._next_run, now), "a pause is made up for"
        self._next_run = schedule.next_run

    def check(self, schedule, now):
        """Look at one of which keepers have made all that they can."""
        assert self._slot is None, "a slot is left half made"
        assert schedule.next_run > now or not schedule.enabled, "a slot is not made"
