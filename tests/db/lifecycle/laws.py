"""
The laws of unique tasks, limits and holds, of all rows together: checked after every step.

They say what is promised, in words of rows and slots, and not how it is done.
"""

from collections import Counter, defaultdict
from datetime import timedelta

from django.utils import timezone

from boogie.apps.tasks.db.moments import in_utc
from boogie.apps.tasks.lifecycle import holding, states
from boogie.apps.tasks.models import Hold, Limit, Slot
from tests.db.lifecycle.columns import is_at_hold, is_parked

#: Who was woken and has not come for so long holds up nobody.
STUCK = timedelta(seconds=60)
#: By so much the times of two starts may be rounded.
ROUNDED = timedelta(milliseconds=1)


class Laws:
    """What is remembered of starts and holds, and what must hold."""

    def __init__(self, limits, unique, debounce):
        self.limits, self.unique, self.debounce = limits, unique, debounce
        #: Keys of the holds there are.
        self.holds = set()
        #: By key of a rate: when rows have started.
        self.starts = defaultdict(list)

    # --- after every step -------------------------------------------------------------

    def hold(self, rows):
        """Check all rows; note which holds there are."""
        if self.unique:
            places = Counter(row["object_id"] for row in rows.values() if self._has_place(row))
            assert set(places.values()) <= {1}, "two rows have one place"
        if self.limits.declared:
            self._limits_hold(rows)
        self.holds = set(Hold.objects.active().values_list("pk", flat=True))

    def _has_place(self, row):
        """Return whether a row is the one of its object: a ``call()`` that goes on has none."""
        if row["status"] == states.RUNNING:
            return self.unique == "live"
        return row["status"] in (states.PAUSED, states.QUEUED)

    def _limits_hold(self, rows):
        slots = Counter(Slot.objects.values_list("limit", "row_id", "attempt"))
        running = [row for row in rows.values() if row["status"] == states.RUNNING]
        for key, (limit, number) in self.running(running).items():
            assert number <= limit.n, f"{number} rows run of {limit} at {key}"
        for row in running:
            for key, limit in self.limits.at_once(row):
                assert slots[key, row["id"], row["attempt"]] == 1, f"a row runs without {limit}"

    def running(self, rows):
        """Return for each key how many of ``rows`` are running, and the limit that it is of."""
        found = {}
        for row in rows:
            for key, limit in self.limits.at_once(row):
                found[key] = limit, found.get(key, (limit, 0))[1] + 1
        return found

    # --- starts -----------------------------------------------------------------------

    def started(self, rows, row, is_claim):
        """Check that a row might start among ``rows``, as they were; note that it has."""
        if is_claim:
            assert not self.holds & self.holds_of(row), "a row started that is held"
            for key, limit in self.limits.at_once(row):
                if limit.n == 1:
                    self._is_first(rows, row, key)
        for key, rate in self.limits.rates(row):
            begun, started = self.starts[key], row["started"]
            if len(begun) >= rate.burst:
                least = begun[-rate.burst] + timedelta(seconds=rate.interval) - ROUNDED
                assert started >= least, f"a row started {least - started} too early for {rate}"
            begun.append(started)

    def _is_first(self, rows, row, key):
        """Check that no row waits that was made before, and could have started."""
        older = [one for one in rows.values() if one["id"] < row["id"]]
        passed = [one for one in older if self._waits(one, key, row["started"])]
        assert not passed, f"{row['id']} started before {[one['id'] for one in passed]}"

    def _waits(self, row, key, now):
        """Return whether a row is in the line of ``key``, or comes into it when it is looked at."""
        if row["status"] != states.QUEUED or key not in dict(self.limits.keys(row)):
            return False
        if row["not_before"] is not None and row["not_before"] > now:
            return False
        if row["due"] is not None and row["due"] < now - STUCK:
            return False
        if is_at_hold(row):  # it stands in no line until who releases has woken it
            return False
        if is_parked(row):
            return True
        # Who comes back, or waited for a time of its own, has to be looked at once; it may have
        # waited at another limit before.
        return row["held_by"] == key or row["not_before"] is None

    def holds_of(self, row):
        """Return the keys of what may hold a row."""
        return {holding.of_queue(row["queue"]), holding.of_task(row["name"])}

    # --- after somebody has looked ----------------------------------------------------

    def watched(self, rows):
        """Check what a keeper leaves that has looked at those who wait, undisturbed."""
        running = [row for row in rows.values() if row["status"] == states.RUNNING]
        counts = self.running(running)
        for row in filter(is_parked, rows.values()):
            own = dict(self.limits.keys(row))
            if len(own) != 1 or row["held_by"] not in own:
                continue  # the first at one limit may wait at another
            ((key, limit),) = own.items()
            if (key, limit) not in self.limits.at_once(row):
                continue
            _limit, number = counts.get(key, (limit, 0))
            is_full = number >= limit.n
            assert is_full or self._comes(rows, key), f"nobody comes, and {key} has room"
            self._no_stale_slots(running, key)

    def _comes(self, rows, key):
        return any(
            row["status"] == states.QUEUED and row["held_by"] == key and row["due"] is not None
            for row in rows.values()
        )

    def _no_stale_slots(self, running, key):
        attempts = {(row["id"], row["attempt"]) for row in running}
        slots = set(Slot.objects.filter(limit=key).values_list("row_id", "attempt"))
        assert slots <= attempts, "a slot is left that nobody holds"

    def released(self, rows):
        """Check what a keeper leaves that has finished the releases of others, undisturbed."""
        asleep = {row["held_by"] for row in rows.values() if is_at_hold(row)}
        assert asleep <= self.holds, f"rows sleep that nothing holds: {asleep - self.holds}"

    def was_refused(self, rows, values):
        """Check that a ``call()`` was refused with reason; ``values``: what its limits are by."""
        running = [row for row in rows.values() if row["status"] == states.RUNNING]
        full = {key for key, (limit, number) in self.running(running).items() if number >= limit.n}
        row, now = {"limits": values}, timezone.now()
        for key, rate in self.limits.rates(row):
            begun = self.starts[key]
            if len(begun) >= rate.burst:
                turn = in_utc(begun[-rate.burst]) + timedelta(seconds=rate.interval)
                full |= {key} if turn > now else set()
        assert full & set(dict(self.limits.keys(row))), "a call was refused where there was room"

    # --- the world --------------------------------------------------------------------

    def time_passed(self, delta):
        """Note that all happened earlier by ``delta``."""
        for key, starts in self.starts.items():
            self.starts[key] = [start - delta for start in starts]

    def nothing_is_left(self):
        """Check that what nobody uses is forgotten."""
        assert not Slot.objects.exists(), "a slot is left that nobody holds"
        assert not Limit.objects.exists(), "a limit is left that nobody uses"

    def was_put_off(self, new):
        """Check when a row starts that ``delayed()`` has put off."""
        if new["status"] == states.QUEUED and new["attempt"] == 0:
            _seconds, most = self.debounce
            latest = new["created"] + timedelta(seconds=most)
            assert new["not_before"] <= latest, "calls have put a row off for ever"
