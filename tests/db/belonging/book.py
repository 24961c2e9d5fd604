"""
What the contract says of batches, kept beside them: rows as they were seen, and who was called.
"""

from boogie.apps.tasks.lifecycle import states

from .work import CALLED

ENDED = set(states.ENDED)


class Book:
    """One batch: what it is to be by what was seen of its rows."""

    def __init__(self, asked):
        #: The options of those that it is to call.
        self._asked = set(asked)
        #: Statuses by row.
        self._rows = {}
        #: Rows that were deleted, by whether they had finished.
        self._deleted = {True: 0, False: 0}
        self._called = {}
        #: Whether a row has gone in a way that a batch which has ended cannot learn of.
        self._is_doubtful = False
        #: Whether it has failed, and a row that had is deleted: it may stay so.
        self._may_stay_failed = False

    def see(self, batch, rows, calls, raw):
        """Learn of what is there now; ``raw``: rows that went without being counted."""
        for key in self._rows.keys() - rows.keys():
            if key in raw:
                self._is_doubtful |= batch.is_ended
            else:
                self._deleted[self._rows[key] == states.FINISHED] += 1
                self._may_stay_failed |= self._rows[key] == states.FAILED
        self._rows = rows
        self._is_doubtful &= batch.is_ended
        self._may_stay_failed &= batch.is_ended
        for option in CALLED:
            self._see_call(option, calls.get((batch.pk, option), []))
        assert not batch.is_ended or self._have_ended, "a batch has ended while rows are open"

    def _see_call(self, option, keys):
        assert len(keys) <= 1, f"{option} is called twice"
        before = self._called.setdefault(option, keys)
        if keys == before:
            assert not keys or option in self._asked, f"{option} is called that nobody asked for"
            return
        assert not before, f"{option} is called twice"
        self._called[option] = keys
        assert self._owes(option), f"{option} is called and {self._rows} are the rows"

    # --- what is to be ----------------------------------------------------------------

    @property
    def _have_ended(self):
        return ENDED.issuperset(self._rows.values())

    @property
    def status(self):
        """What the batch is to say."""
        found = set(self._rows.values())
        if not self._have_ended:
            return states.RUNNING
        if states.FAILED in found:
            return states.FAILED
        if states.CANCELLED in found or self._deleted[False]:
            return states.CANCELLED
        return states.FINISHED

    def _owes(self, option):
        """Return whether somebody is to be called, as the rows are now."""
        if option == "on_failure":
            return states.FAILED in self._rows.values()
        return self._have_ended and (option == "on_end" or self.status == states.FINISHED)

    def check(self, batch):
        """Look at a batch of whose rows everybody was told."""
        if self._is_doubtful:
            return
        is_right = batch.status == self.status
        is_right |= self._may_stay_failed and batch.status == states.FAILED
        assert is_right, f"a batch is {batch.status}, its rows {self._rows}"
        for option in self._asked:
            assert self._called[option] or not self._owes(option), f"{option} is not called"
        counted = list(self._rows.values())
        counted += [states.FINISHED] * self._deleted[True]
        counted += [states.CANCELLED] * self._deleted[False]
        found = {status: number for status, number in batch.counts().items() if number}
        assert found == {one: counted.count(one) for one in set(counted)}, "rows are miscounted"
