"""
A world of rows that are after each other, and of batches of them, in which anything happens in any
order, also in a transaction of somebody, and whoever does it may die between two statements.
"""

from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from boogie.apps.tasks import Batch, Task, batch
from boogie.apps.tasks.execution import losses
from tests.project.shop.models import Product
from tests.support.runs import now_due, work

from .book import Book
from .dying import DEATHS
from .promises import Promises
from .work import CALLED, step

PLACES = st.integers(min_value=0, max_value=30)
NEEDS = st.lists(PLACES, max_size=3)
KINDS = st.sampled_from(["fine", "bad", "growing"])
#: By itself, in a transaction, in one that is rolled back.
HOW = st.sampled_from(["alone", "alone", "within", "undone"])
OPTIONS = st.sets(st.sampled_from(sorted(CALLED)))


class World(Promises):
    """One process at a time; keepers look when they are told to."""

    @initialize(is_mortal=st.booleans())
    def somebody_may_die(self, is_mortal):
        self.is_mortal = is_mortal

    # --- what happens -----------------------------------------------------------------

    @rule(kind=KINDS, places=NEEDS, how=HOW, verb=st.sampled_from(["delayed", "paused"]))
    def somebody_makes_a_row(self, kind, places, how, verb):
        needs = self._some(places)
        with self._process(0, how):
            getattr(step.using(after=needs), verb)(Product.objects.get(name=kind))
        self._note_new(needs)

    @rule(
        kinds=st.lists(KINDS, max_size=3), places=NEEDS, asked=OPTIONS, is_about=st.booleans(),
        dies=DEATHS,
    )  # fmt: skip
    def somebody_makes_a_batch(self, kinds, places, asked, is_about, dies):
        needs, obj = self._some(places), Product.objects.get(name="fine") if is_about else None
        with self._process(dies), batch(obj, **{option: CALLED[option] for option in asked}):
            for kind in kinds:
                step.using(after=needs).delayed(Product.objects.get(name=kind))
        for one in Batch.objects.exclude(pk__in=self.books):
            self.books[one.pk] = Book(asked)
        self._note_new(needs)

    @rule(kinds=st.lists(KINDS, min_size=2, max_size=4))
    def somebody_makes_a_chain(self, kinds):
        before = []
        for kind in kinds:
            row = step.using(after=before).delayed(Product.objects.get(name=kind))
            self._note_new(before)
            before = [row]

    @rule(place=PLACES, kind=KINDS, places=NEEDS, how=HOW, dies=DEATHS)
    def a_row_joins_a_batch(self, place, kind, places, how, dies):
        if (joined := self._batch(place)) is None:
            return
        needs, product = self._some(places), Product.objects.get(name=kind)
        view, has_ended = step.using(batch=joined, after=needs), joined.is_ended
        with self._process(dies, how):
            try:
                view.delayed(product)
            except ValueError:
                assert has_ended, "a row cannot join a batch that has not ended"
            else:
                assert not has_ended, "a row joined a batch that has ended"
        self._note_new(needs)

    @rule(place=PLACES, how=HOW, dies=DEATHS)
    def a_worker_gets_a_doorbell(self, place, how, dies):
        if (row := self._one(place)) is None:
            return
        before, waits = row.status, self._waits(row.pk)
        with self._process(dies, how):
            work(now_due(row))
        row.refresh_from_db()
        assert row.status == before or not waits, "a row started before what it is after"
        self._note_new([])

    @rule(
        place=PLACES,
        verb=st.sampled_from(["run", "pause", "cancel", "retry"]),
        how=HOW,
        dies=DEATHS,
    )
    def somebody_moves_a_row(self, place, verb, how, dies):
        if (row := self._one(place)) is None:
            return
        if verb == "cancel":
            self.by_hand = {row.pk}
        with self._process(dies, how):
            getattr(row, verb)()
        self._note_retried(verb)

    @rule(verb=st.sampled_from(["run", "cancel", "retry"]), dies=DEATHS)
    def somebody_moves_all_rows(self, verb, dies):
        if verb == "cancel":
            self.by_hand = set(self.needs)
        with self._process(dies):
            getattr(Task.objects.filter(name=step.name), verb)()
        self._note_retried(verb)

    @rule(place=PLACES, verb=st.sampled_from(["cancel", "retry"]), how=HOW, dies=DEATHS)
    def somebody_moves_a_batch(self, place, verb, how, dies):
        if (found := self._batch(place)) is None:
            return
        if verb == "cancel":
            self.by_hand = set(found.rows.values_list("pk", flat=True))
        with self._process(dies, how):
            getattr(found, verb)()
        self._note_retried(verb)

    def _note_retried(self, verb):
        """Who is after one that is cancelled, or gone, is cancelled again by the next keeper."""
        self.is_retried |= verb == "retry"

    @rule(place=PLACES, verb=st.sampled_from(["delete", "clean", "raw"]), how=HOW, dies=DEATHS)
    def somebody_deletes_a_row(self, place, verb, how, dies):
        if (row := self._one(place)) is None or row.is_running:
            return
        same = Task.objects.filter(pk=row.pk)
        with self._process(dies, how):
            if verb == "clean":
                same.clean(finished=False)
            elif verb == "delete":
                same.delete()
            else:
                same._raw_delete("default")
                self.raw, self.is_untold = {row.pk}, True

    @rule()
    def what_fails_is_mended(self):
        Product.objects.update(stock=1)

    @rule(which=st.integers(0, 1), dies=DEATHS)
    def a_keeper_looks(self, which, dies):
        with self._process(dies):
            self.keepers[which].look()

    @rule(dies=DEATHS)
    def a_keeper_rescues_what_the_dead_ran(self, dies):
        with self._process(dies):
            for row in Task.objects.running():
                losses.lose(row, "the worker died")

    @rule()
    def keepers_look_until_all_is_told(self):
        self._look()

    def teardown(self):
        self._look()
        self.what_was_promised_holds()
        Product.objects.update(stock=1)
        for _ in range(40):
            mine = Task.objects.filter(name=step.name)
            for row in mine.running():
                losses.lose(row, "the worker died")
            mine.retry()
            mine.run()
            ready = [row for row in self._rows() if row.is_queued and not row.is_after]
            for row in ready:
                work(now_due(row))
            self._note_new([])
            self._look()
            self.what_was_promised_holds()
            if not ready:
                break
        for row in self._rows():
            is_right = row.is_finished or (row.is_cancelled and self._never(row.pk))
            assert is_right, f"a row is left {row.status}"
