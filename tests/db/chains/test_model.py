"""
A world of rows that are after each other, in which anything happens in any order.

Whatever happens: a row waits as long as one that it is after has not finished, and no longer; and
it is cancelled if one of them never will. At the end, when all has been retried, everything ends.
"""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from boogie.apps.tasks import Batch, Task, batch
from boogie.apps.tasks.batching import watch as batches
from boogie.apps.tasks.chains import watch as chains
from boogie.apps.tasks.models import Dependency
from tests.project.shop.models import Product
from tests.support.runs import declared, now_due, work

pytestmark = [pytest.mark.once, pytest.mark.django_db]

PLACES = st.integers(min_value=0, max_value=30)

step = declared(name="db.chains.model.step")(lambda product: 1 / product.stock)


class World(RuleBasedStateMachine):
    """One process; keepers look when they are told to."""

    def __init__(self):
        super().__init__()
        for model in (Task, Batch, Dependency, Product):
            model.objects.all()._raw_delete("default")
        self.fine = Product.objects.create(name="fine", stock=1)
        self.bad = Product.objects.create(name="bad", stock=0)
        #: By key: the keys of what a row is after.
        self.needs = {}
        #: Keys of rows that have finished, whether they are still there or not.
        self.finished = set()

    def _rows(self):
        return list(Task.objects.filter(name=step.name).order_by("pk"))

    def _one(self, place):
        rows = self._rows()
        return rows[place % len(rows)] if rows else None

    # --- what happens -----------------------------------------------------------------

    @rule(fails=st.booleans(), places=st.lists(PLACES, max_size=3), how=st.sampled_from("dp"))
    def somebody_makes_a_row(self, fails, places, how):
        needs = [row for row in map(self._one, places) if row and not row.is_cancelled]
        with batch() as made:
            view = step.using(after=needs)
            row = (view.paused if how == "p" else view.delayed)(self.bad if fails else self.fine)
        assert list(made.rows) == [row]
        self.needs[row.pk] = {need.pk for need in needs}

    @rule(place=PLACES)
    def a_worker_gets_a_doorbell(self, place):
        row = self._one(place)
        if row is not None:
            before, waits = row.status, self._waits(row)
            now_due(row)
            if work(row).is_finished:
                assert not waits
                self.finished.add(row.pk)
            assert row.status == before or not waits

    @rule(place=PLACES, verb=st.sampled_from(["run", "pause", "cancel", "retry", "run_now"]))
    def somebody_moves_a_row(self, place, verb):
        if (row := self._one(place)) is not None:
            getattr(row, verb)()

    @rule(verb=st.sampled_from(["run", "cancel", "retry"]))
    def somebody_moves_all_rows(self, verb):
        getattr(Task.objects.filter(name=step.name), verb)()

    @rule(place=PLACES, how=st.sampled_from(["delete", "clean", "raw"]))
    def somebody_deletes_a_row(self, place, how):
        if (row := self._one(place)) is None or row.is_running:
            return
        same = Task.objects.filter(pk=row.pk)
        if how == "clean":
            same.clean(finished=False)
        elif how == "delete":
            same.delete()
        else:
            same._raw_delete("default")

    @rule()
    def what_fails_is_mended(self):
        Product.objects.update(stock=1)

    @rule()
    def a_keeper_looks(self):
        chains.Watch().look()
        batches.Watch().look()
        for row in self._rows():
            if row.status in ("paused", "queued"):
                assert not self._never(row)

    # --- what holds -------------------------------------------------------------------

    def _waits(self, row):
        return bool(self.needs[row.pk] - self.finished)

    def _never(self, row):
        """Return whether one of those that it is after is cancelled, or gone unfinished."""
        there = Task.objects.in_bulk(self.needs[row.pk])
        return any(
            key not in self.finished and (key not in there or there[key].is_cancelled)
            for key in self.needs[row.pk]
        )

    @invariant()
    def rows_wait_for_what_has_not_finished(self):
        for row in self._rows():
            waits = self._waits(row)
            assert row.is_after is (waits if self.needs[row.pk] else None)
            assert {need.pk for need in row.needs if need} <= self.needs[row.pk]
            assert {one.pk for one in row.waits_for} == {
                key for key in self.needs[row.pk] - self.finished if self._is_there(key)
            }
            if row.is_queued:
                assert (row.due is None) is waits
                assert (row.held_by == "after:") is waits

    def _is_there(self, key):
        return Task.objects.filter(pk=key).exists()

    @invariant()
    def batches_have_ended_when_their_rows_have(self):
        for one in Batch.objects.all():
            rows = Task.objects.filter(batch_id=one.pk)
            assert one.is_ended or rows.filter(ended=None).exists() or not rows.exists()
            assert not (one.is_ended and rows.filter(ended=None).exists())

    def teardown(self):
        Product.objects.update(stock=1)
        for _ in range(40):
            Task.objects.filter(name=step.name).retry()
            Task.objects.filter(name=step.name).run()
            for row in self._rows():
                if not row.is_after and row.is_queued:
                    self.finished.add(work(now_due(row)).pk)
            chains.Watch().look()
        left = Task.objects.filter(name=step.name).exclude(status__in=["finished", "cancelled"])
        assert not left.exists()
        for row in self._rows():
            assert row.is_finished or self._never(row)


def test_rows_wait_as_long_as_they_have_to_and_no_longer():
    options = settings(
        max_examples=25,
        stateful_step_count=25,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(World, settings=options)
