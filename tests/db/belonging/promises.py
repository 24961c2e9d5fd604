"""What is promised of rows that are after each other, and of batches, as one looks at them."""

from contextlib import contextmanager, nullcontext

from django.db import transaction
from hypothesis.stateful import RuleBasedStateMachine, invariant

from boogie.apps.tasks import Batch, Task
from boogie.apps.tasks.batching import watch as batches
from boogie.apps.tasks.chains import watch as chains
from boogie.apps.tasks.models import Dependency
from tests.project.shop.models import Product

from .dying import dying
from .work import calls, seen, step


class Keeper:
    """The looks of one keeper at chains and batches."""

    def __init__(self):
        self._watches = [chains.Watch(), batches.Watch()]

    def look(self):
        """Look once at each."""
        for watch in self._watches:
            watch.look()

    def look_at_all(self):
        """Look until there is nothing more to be done; return how much there was."""
        return sum(self._look_through(watch) for watch in self._watches)

    def _look_through(self, watch):
        """Go on from where it was, and then through everything once."""
        changed = laps = 0
        while laps < 2:
            changed += watch.look()
            laps += not watch._behind
        return changed


class Promises(RuleBasedStateMachine):
    """Rows, batches, and what was seen of them; nothing happens yet."""

    def __init__(self):
        super().__init__()
        for model in (Task, Batch, Dependency, Product):
            model.objects.all()._raw_delete("default")
        seen.clear()
        names = {"fine": 1, "bad": 0, "growing": 1}
        for name, stock in names.items():
            Product.objects.create(name=name, stock=stock)
        self.keepers = [Keeper(), Keeper()]
        #: By key: the keys of what a row is after; statuses as they were seen last.
        self.needs, self.status = {}, {}
        #: Keys of rows that have finished, whether they are still there or not.
        self.finished = set()
        self.books = {}
        #: Whether somebody has died, or deleted rows unseen, since keepers have looked.
        self.is_untold = self.is_retried = False
        #: Whether anybody dies: what is told at once is seen best where nobody does.
        self.is_mortal = False
        #: Rows that somebody cancels by hand in this step, or deletes unseen.
        self.by_hand, self.raw = set(), set()

    def _rows(self):
        return list(Task.objects.filter(name=step.name).order_by("pk"))

    def _one(self, place):
        rows = self._rows()
        return rows[-1 - place % len(rows)] if rows else None

    def _batch(self, place):
        found = list(Batch.objects.order_by("pk"))
        return found[place % len(found)] if found else None

    def _some(self, places):
        rows = {row.pk: row for row in map(self._one, places) if row and not row.is_cancelled}
        return list(rows.values())

    @contextmanager
    def _process(self, dies, how="alone"):
        """Be a process that may die, whose transaction it may be, and may be undone."""
        with nullcontext() if how == "alone" else transaction.atomic():
            with dying(dies if self.is_mortal else 0) as fate:
                yield
            if how == "undone" or (how == "within" and fate.has_come):
                transaction.set_rollback(True)
        self.is_untold |= fate.has_come

    def _note_new(self, needs):
        for row in self._rows():
            if row.pk not in self.needs:
                self.needs[row.pk] = {need.pk for need in needs}

    def _look(self):
        tries = iter(range(20))
        while sum(keeper.look_at_all() for keeper in self.keepers):
            assert next(tries, None) is not None, "keepers find work for ever"
        self.is_untold = self.is_retried = False

    # --- what holds -------------------------------------------------------------------

    def _waits(self, key):
        return bool(self.needs[key] - self.finished)

    def _never(self, key):
        """Return whether one of those that it is after is cancelled, or gone unfinished."""
        unfinished = self.needs[key] - self.finished
        return any(self.status.get(one, "cancelled") == "cancelled" for one in unfinished)

    @invariant()
    def what_was_promised_holds(self):
        assert not seen, seen
        before, rows = self.status, self._rows()
        self.status = {row.pk: row.status for row in rows}
        self.finished |= {row.pk for row in rows if row.is_finished}
        for row in rows:
            self._check_row(row)
            if row.is_cancelled and before.get(row.pk) != "cancelled":
                is_asked = row.pk in self.by_hand or self._never(row.pk)
                assert is_asked, "a row is cancelled, and nobody asked for it"
        self._check_batches(rows)
        self.by_hand, self.raw = set(), set()

    def _check_row(self, row):
        waits = self._waits(row.pk)
        assert row.is_after or not waits, "a row does not wait for what it is after"
        assert {need.pk for need in row.needs if need} <= self.needs[row.pk]
        if self.is_untold:
            return
        assert waits or not row.is_after, "a row waits in vain: all have finished"
        left = {key for key in self.needs[row.pk] - self.finished if key in self.status}
        assert {one.pk for one in row.waits_for} == left
        if row.is_queued:
            assert ((row.due is None), (row.held_by == "after:")) == (waits, waits)
        if row.status in ("paused", "queued") and not self.is_retried:
            assert not self._never(row.pk), "a row waits in vain: one will never finish"

    def _check_batches(self, rows):
        of = {}
        for row in rows:
            of.setdefault(row.batch_id, {})[row.pk] = row.status
        found = calls()
        for one in Batch.objects.all():
            book = self.books[one.pk]
            book.see(one, of.get(one.pk, {}), found, self.raw)
            if not self.is_untold:
                book.check(one)
