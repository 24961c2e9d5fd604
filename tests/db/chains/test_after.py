"""Rows that start after others, in one process: who waits, who goes on, who is given up."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from boogie.apps.tasks import Concurrency, Task, TaskCancelled
from boogie.apps.tasks.chains import watch
from boogie.apps.tasks.execution import start
from boogie.apps.tasks.keeper import purge
from boogie.apps.tasks.models import Dependency
from boogie.apps.tasks.testing import run_tasks
from tests.project.shop.models import Product
from tests.support.runs import declared, work

pytestmark = pytest.mark.django_db(transaction=True)

NEVER = "boogie.apps.tasks.exceptions.NeverFinished"

pay = declared(lambda product, n=0: {"paid": n})
breaks = declared(lambda product: 1 / product.stock)


@declared(bind=True)
def pack(self, product):
    return [None if row is None else row.get_result() for row in self.row.needs]


@pytest.fixture
def pen():
    return Product.objects.create(name="pen", stock=0)


def waits(row):
    row.refresh_from_db()
    return row.is_queued and row.is_after and row.due is None


def may_start(row):
    row.refresh_from_db()
    return row.is_queued and not row.is_after and row.due is not None


def begin(row):
    """Have a worker claim a row; return whether it could."""
    return start.claim(str(row.pk), row.name) is not None


def test_a_row_starts_once_what_it_is_after_has_finished(pen):
    paid = pay.delayed(pen, 5)
    packed = pack.using(after=paid).delayed(pen)
    assert waits(packed)
    assert not begin(packed)
    work(paid)
    assert may_start(packed)
    assert work(packed).get_result() == [{"paid": 5}]


def test_a_row_after_several_starts_once_all_have_finished(pen):
    needs = [pay.delayed(pen, n) for n in range(3)]
    packed = pack.using(after=[needs[2], needs[0], needs[1]]).delayed(pen)
    for row in needs:
        assert waits(packed)
        work(row)
    assert work(packed).get_result() == [{"paid": 2}, {"paid": 0}, {"paid": 1}]


def test_a_queryset_is_taken_in_its_order(pen):
    rows = pay.each([pen, pen], 1) | pay.each([pen], 2)
    packed = pack.using(after=pay.tasks(pen).order_by("-pk")).delayed(pen)
    assert [row.pk for row in packed.needs] == list(
        rows.order_by("-pk").values_list("pk", flat=True)
    )
    for row in rows:
        work(row)
    assert may_start(packed)


def test_a_fan_out_and_a_join(pen):
    first = pay.delayed(pen)
    middle = pay.using(after=first).each([pen, pen, pen], 7)
    last = pack.using(after=middle).delayed(pen)
    assert all(waits(row) for row in middle)
    work(first)
    assert all(may_start(row) for row in middle)
    for row in middle:
        work(row)
    assert work(last).get_result() == [{"paid": 7}] * 3


def test_what_has_finished_before_keeps_nobody_waiting(pen):
    paid = work(pay.delayed(pen, 1))
    packed = pack.using(after=[paid, work(pay.delayed(pen, 2))]).delayed(pen)
    assert may_start(packed)
    assert work(packed).get_result() == [{"paid": 1}, {"paid": 2}]


def test_a_row_that_was_purged_is_none_among_needs(pen):
    paid, other = pay.delayed(pen), pay.delayed(pen, 3)
    packed = pack.using(after=[paid, other]).delayed(pen)
    work(paid)
    assert Task.objects.filter(pk=paid.pk).clean() == 1
    assert waits(packed)
    work(other)
    assert work(packed).get_result() == [None, {"paid": 3}]


def test_a_row_that_has_finished_and_was_purged_keeps_nobody_waiting(pen):
    paid = work(pay.delayed(pen))
    pay.clean()
    assert may_start(pack.using(after=paid).delayed(pen))


def test_nothing_to_wait_for_is_no_reason_to_wait(pen):
    assert begin(pack.using(after=[]).delayed(pen))
    assert begin(pack.using(after=Task.objects.none()).delayed(pen))
    row = pack.using(after=None).delayed(pen)
    assert row.needs == []
    assert begin(row)


def test_a_row_that_is_after_none_says_so(pen):
    row = pack.delayed(pen)
    assert row.is_after is None
    assert row.needs == []
    assert not row.waits_for.exists()


# --- what fails -----------------------------------------------------------------------


def test_if_one_fails_those_after_it_wait_and_a_retry_goes_on(pen):
    broken, fine = breaks.delayed(pen), pay.delayed(pen)
    packed = pack.using(after=[fine, broken]).delayed(pen)
    last = pack.using(after=packed).delayed(pen)
    assert work(broken).is_failed
    work(fine)
    assert waits(packed)
    assert list(packed.waits_for) == [broken]
    assert list(last.waits_for) == [packed]
    Product.objects.update(stock=2)
    assert broken.retry()
    assert waits(packed)
    assert work(broken).is_finished
    assert not packed.waits_for.exists()
    assert work(packed).get_result() == [{"paid": 0}, 0.5]
    assert may_start(last)


def test_a_row_may_be_after_one_that_has_failed(pen):
    broken = work(breaks.delayed(pen))
    packed = pack.using(after=broken).delayed(pen)
    assert waits(packed)
    Product.objects.update(stock=1)
    broken.retry()
    work(broken)
    assert may_start(packed)


# --- what never finishes --------------------------------------------------------------


def given_up(row, *because):
    row.refresh_from_db()
    if not row.is_cancelled:
        return False
    error = row.errors[-1]
    return error["type"] == NEVER and all(str(one.pk) in error["message"] for one in because)


def chain(pen):
    first = pay.delayed(pen)
    second = pack.using(after=first).delayed(pen)
    third = pack.using(after=[second, pay.delayed(pen)]).paused(pen)
    return first, second, third


@pytest.mark.parametrize(
    "end",
    [
        lambda row: row.cancel(),
        lambda row: Task.objects.filter(pk=row.pk).cancel(),
        lambda row: pay.tasks().filter(object_id=row.object_id, pk=row.pk).cancel(),
        lambda row: row.delete(),
        lambda row: Task.objects.filter(pk=row.pk).delete(),
        lambda row: Task.objects.filter(pk=row.pk).clean(finished=False),
    ],
    ids=["cancel", "cancel queryset", "cancel by name", "delete", "delete queryset", "clean"],
)
def test_if_one_never_finishes_those_after_it_are_cancelled(pen, end):
    first, second, third = chain(pen)
    key = first.pk
    end(first)
    first.pk = key
    assert given_up(second, first)
    assert given_up(third, first, second)
    with pytest.raises(TaskCancelled):
        second.wait(0)


def test_a_verb_on_many_rows_cancels_what_is_after_them(pen):
    needs = [pay.delayed(pen) for _ in range(3)]
    others = [pay.delayed(pen) for _ in range(3)]
    packed = [pack.using(after=pair).delayed(pen) for pair in zip(needs, others, strict=True)]
    assert Task.objects.filter(pk__in=[row.pk for row in needs[:2]]).cancel() == 2
    assert given_up(packed[0], needs[0])
    assert given_up(packed[1], needs[1])
    assert waits(packed[2])


def test_somebody_who_listens_learns_of_all_that_is_cancelled(pen):
    from boogie.apps.tasks import task_cancelled

    heard = []

    def note(sender, task, **extra):
        heard.append(task.pk)

    task_cancelled.connect(note)
    try:
        first, second, third = chain(pen)
        pay.tasks().filter(pk=first.pk).cancel()
    finally:
        task_cancelled.disconnect(note)
    assert sorted(heard) == sorted([first.pk, second.pk, third.pk])


def test_a_running_row_that_is_cancelled_never_finishes(pen):
    paid = pay.delayed(pen)
    packed = pack.using(after=paid).delayed(pen)
    assert begin(paid)
    paid.refresh_from_db()
    paid.cancel()
    assert given_up(packed, paid)


def test_a_body_that_gives_up_its_row_never_finishes(pen):
    @declared
    def gives_up(product):
        raise TaskCancelled

    row = gives_up.delayed(pen)
    packed = pack.using(after=row).delayed(pen)
    assert work(row).is_cancelled
    assert given_up(packed, row)


def test_what_expires_never_finishes(pen):
    late = pay.using(expires=timezone.now() - timedelta(seconds=1)).delayed(pen)
    packed = pack.using(after=late).delayed(pen)
    run_tasks()
    assert given_up(packed, late)
    assert "expired" in packed.errors[-1]["message"]


def test_what_has_failed_and_was_deleted_never_finishes(pen):
    broken = work(breaks.delayed(pen))
    packed = pack.using(after=broken).delayed(pen)
    breaks.clean()
    assert given_up(packed, broken)


def test_what_was_purged_before_it_finished_never_finishes(pen, settings):
    broken = work(breaks.delayed(pen))
    packed = pack.using(after=broken).delayed(pen)
    settings.BOOGIE_TASKS = {**settings.BOOGIE_TASKS, "RETENTION": {"failed": 0}}
    assert purge.purge() == 1
    assert given_up(packed, broken)


def test_after_a_cancelled_row_is_refused_and_nothing_is_made(pen):
    paid = pay.delayed(pen)
    paid.cancel()
    before = Task.objects.count()
    with pytest.raises(ValueError, match="cancelled"):
        pack.using(after=paid).delayed(pen)
    with pytest.raises(ValueError, match="cancelled"):
        pack.using(after=[pay.delayed(pen), paid]).each([pen])
    assert Task.objects.count() == before + 1
    assert not Dependency.objects.exists()


def test_after_a_row_that_is_gone_is_refused(pen):
    paid = pay.delayed(pen)
    pay.clean(finished=False)
    with pytest.raises(ValueError, match="never"):
        pack.using(after=paid).delayed(pen)


def test_a_call_cannot_wait(pen):
    with pytest.raises(TypeError, match="call"):
        pack.using(after=pay.delayed(pen)).call(pen)


@pytest.mark.parametrize("after", [5, "text", {"a": 1}, [5], Product.objects.none()])
def test_what_is_no_row_is_refused_at_once(after):
    with pytest.raises(TypeError, match="after"):
        pack.using(after=after)


def test_a_row_that_is_not_stored_is_refused():
    with pytest.raises(ValueError, match="not stored"):
        pack.using(after=Task(name="x"))


def test_an_iterator_is_read_once_and_serves_several_calls(pen):
    paid = pay.delayed(pen)
    later = pack.using(after=(row for row in [paid]))
    assert waits(later.delayed(pen))
    assert waits(later.delayed(pen))


# --- what is cancelled, and queued again ----------------------------------------------


def test_a_chain_that_was_cancelled_goes_on_when_its_rows_are_retried(pen):
    first, second, third = chain(pen)
    first.cancel()
    assert Task.objects.cancelled().retry() == 3
    assert waits(second)
    assert waits(third)
    watch.Watch().look()
    assert waits(second)
    for row in [first, *third.needs[1:], second]:
        assert work(row).is_finished
    assert may_start(third)


def test_a_row_that_is_retried_while_what_it_is_after_is_cancelled_is_cancelled_again(pen):
    first, second, _ = chain(pen)
    first.cancel()
    second.refresh_from_db()
    assert second.retry()
    assert waits(second)
    watch.Watch().look()
    assert given_up(second, first)


def test_a_row_that_was_cancelled_by_hand_starts_at_once_when_nothing_is_left_to_wait_for(pen):
    first, second, _ = chain(pen)
    second.cancel()
    work(first)
    second.refresh_from_db()
    assert second.retry()
    assert may_start(second)


# --- what waits besides ---------------------------------------------------------------


def test_a_paused_row_waits_for_both(pen):
    paid = pay.delayed(pen)
    packed = pack.using(after=paid).paused(pen)
    assert packed.is_paused
    assert packed.run()
    assert waits(packed)
    assert packed.pause()
    work(paid)
    packed.refresh_from_db()
    assert packed.is_paused
    assert packed.run()
    assert may_start(packed)


def test_a_scheduled_row_starts_not_before_its_time_and_after_its_needs(pen):
    paid = pay.delayed(pen)
    packed = pack.using(after=paid).schedule(600, pen)
    assert waits(packed)
    work(paid)
    assert may_start(packed)
    assert packed.due == packed.not_before == packed.scheduled_for
    assert not begin(packed)
    other = pack.using(after=pay.delayed(pen)).schedule(600, pen)
    assert other.run_now()
    assert waits(other)
    run_tasks()
    assert work(other).is_finished


def test_a_row_under_limits_stands_in_its_line_when_it_may_start(pen):
    alone = declared(lambda product: None, limits=[Concurrency(1)])
    paid = pay.delayed(pen)
    behind = alone.using(after=paid).delayed(pen)
    many = alone.using(after=paid).each([pen, pen])
    other = alone.delayed(pen)
    assert waits(behind)
    assert all(waits(row) for row in many)
    assert begin(other)
    work(paid)
    assert may_start(behind)
    assert not begin(behind)
    other.refresh_from_db()
    other.cancel()
    assert begin(behind)


def test_a_unique_row_that_is_there_stays_as_it_is(pen):
    once = declared(lambda product: None, unique="waiting")
    there = once.delayed(pen)
    paid = pay.delayed(pen)
    assert once.using(after=paid).delayed(pen) == there
    assert may_start(there) or there.is_after is None
    assert list(once.using(after=paid).each([pen])) == []
    assert begin(there)
    new = once.using(after=paid).delayed(pen)
    assert new.is_new
    assert waits(new)
    assert once.delayed(pen) == new
    assert waits(new)


def test_a_debounced_row_keeps_waiting_whatever_calls_come(pen):
    soon = declared(lambda product, n=0: n, unique="waiting", debounce=30)
    paid = pay.delayed(pen)
    row = soon.using(after=paid).delayed(pen, 1)
    assert waits(row)
    assert soon.delayed(pen, 2) == row
    assert waits(row)
    assert row.args == [2]
    assert row.not_before is not None
    there = soon.delayed(Product.objects.create(name="ink"), 1)
    assert soon.using(after=paid).delayed(there.object, 2) == there
    there.refresh_from_db()
    assert there.due is not None
    assert there.is_after is None
    work(paid)
    assert may_start(row)
    assert row.due == row.not_before


def test_rows_of_other_options_are_made_so(pen):
    paid = pay.delayed(pen)
    row = pack.using(after=paid, priority=7, queue="slow").delayed(pen)
    assert (row.priority, row.queue) == (7, "slow")
    assert pack.using(queue="x").using(after=paid).delayed(pen).is_after


def test_each_commits_its_chunks_with_what_they_are_after(pen):
    paid = pay.delayed(pen)
    rows = pack.using(after=paid).each([pen] * 5, chunk_size=2)
    assert rows.count() == 5
    assert all(waits(row) for row in rows)
    assert [row.needs for row in rows] == [[paid]] * 5
    paused = pack.using(after=paid).each.paused([pen] * 2)
    assert {row.is_paused and row.is_after for row in paused} == {True}
    later = pack.using(after=paid).each.schedule(600, [pen] * 2)
    work(paid)
    assert all(may_start(row) for row in rows)
    assert {row.due == row.scheduled_for for row in later} == {True}


def test_a_row_and_what_it_is_after_are_one_transaction(pen):
    paid = pay.delayed(pen)
    with transaction.atomic():
        pack.using(after=paid).delayed(pen)
        transaction.set_rollback(True)
    assert not Dependency.objects.exists()
    assert not pack.tasks().exists()
    assert not Task.objects.get(pk=paid.pk).is_needed


# --- a body ---------------------------------------------------------------------------


@pytest.mark.parametrize("atomic", [True, False])
def test_a_body_may_put_rows_behind_its_own(pen, atomic):
    @declared(bind=True, atomic=atomic)
    def goes_on(self, product):
        pack.using(after=self.row).delayed(product)
        return 1

    row = work(goes_on.delayed(pen))
    packed = pack.tasks(pen).get()
    assert row.is_finished
    assert may_start(packed)
    assert work(packed).get_result() == [1]


def test_a_call_that_finishes_lets_others_go_on(pen):
    made = []

    @declared(bind=True)
    def goes_on(self, product):
        made.append(pack.using(after=self.row).delayed(product))

    goes_on.call(pen)
    assert may_start(made[0])


# --- what nobody has told -------------------------------------------------------------


def test_a_keeper_finds_what_nobody_has_told(pen, monkeypatch):
    from boogie.apps.tasks.lifecycle.needs import telling

    first, second, _ = chain(pen)
    monkeypatch.setattr(telling, "finished", lambda using, key: None)
    assert work(first).is_finished
    assert waits(second)
    assert watch.unsettled().exists()
    watch.Watch().look()
    assert may_start(second)


def test_a_keeper_finds_rows_that_were_deleted_unseen(pen):
    first, second, third = chain(pen)
    Task.objects.filter(pk=first.pk)._raw_delete("default")
    watch.Watch().look()
    assert given_up(second)
    assert given_up(third)
    Task.objects.all()._raw_delete("default")
    pay.delayed(pen)
    again = pack.using(after=pay.tasks()).delayed(pen)
    Task.objects.filter(pk=again.pk)._raw_delete("default")
    watch.Watch().look()
    assert not watch.unsettled().exists()


def test_arrows_go_with_their_rows(pen):
    chain(pen)
    Task.objects.all().clean(finished=False)
    assert not Dependency.objects.exists()
    _, second, third = chain(pen)
    third.delete()
    Task.objects.filter(pk=second.pk).delete()
    assert not Dependency.objects.exists()


def test_run_tasks_runs_a_chain(pen):
    first = pay.delayed(pen, 1)
    second = pack.using(after=first).delayed(pen)
    third = pack.using(after=[second, first]).delayed(pen)
    assert run_tasks()["finished"] == 3
    third.refresh_from_db()
    assert third.get_result() == [[{"paid": 1}], {"paid": 1}]
