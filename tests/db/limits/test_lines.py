"""Limits at work in one process: who starts, who is held back, who is woken."""

import math
from datetime import timedelta

import pytest
from django.utils import timezone

from boogie.apps.tasks import Concurrency, LimitReached, NotUnique, Rate, Task, limits
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.execution import losses, start
from boogie.apps.tasks.limiting import watch
from boogie.apps.tasks.models import Limit, Slot
from boogie.apps.tasks.monitoring import health
from boogie.apps.tasks.testing import run_tasks
from tests.project.shop.models import Product
from tests.support.rows import columns
from tests.support.runs import declared, work
from tests.support.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def pen():
    return Product.objects.create(name="pen")


@pytest.fixture
def ink():
    return Product.objects.create(name="ink")


def begin(row):
    """Have a worker claim a row, whose body has not ended yet; return whether it could."""
    return start.claim(str(row.pk), row.name) is not None


def held(row):
    row.refresh_from_db()
    return row.is_queued and row.due is None and row.held_by.startswith("limit:")


def is_awake(row):
    row.refresh_from_db()
    return row.is_queued and row.due is not None


def one_at_a_time(**options):
    return declared(lambda product: None, limits=[Concurrency(1, **options)])


def test_no_more_than_n_run_at_the_same_time(pen):
    body = declared(lambda product: None, limits=[Concurrency(2)])
    rows = [body.delayed(pen) for _ in range(4)]
    assert [begin(row) for row in rows] == [True, True, False, False]
    assert [held(row) for row in rows] == [False, False, True, True]
    assert Slot.objects.count() == 2


def test_the_next_one_is_woken_when_a_run_ends(pen):
    body = one_at_a_time()
    first, second, third = (body.delayed(pen) for _ in range(3))
    assert held(second)
    assert held(third)
    work(first)
    assert is_awake(second)
    assert held(third)
    work(second)
    assert is_awake(third)
    assert work(third).is_finished
    assert not Slot.objects.exists()


@pytest.mark.parametrize("ending", ["fail", "retry", "cancel"])
def test_however_a_run_ends_the_next_one_is_woken(pen, ending):
    def run(self, product):
        if ending == "retry":
            raise self.retry(countdown=60)
        raise ValueError(ending)

    body = declared(run, bind=True, limits=[Concurrency(1)])
    first, second = body.delayed(pen), body.delayed(pen)
    if ending in ("fail", "retry"):
        work(first)
    else:
        assert begin(first)
        first.refresh_from_db()
        first.cancel()
    assert is_awake(second)
    assert begin(second)


def test_a_row_that_was_lost_is_the_first_again(pen):
    body = one_at_a_time()
    first, second = body.delayed(pen), body.delayed(pen)
    assert begin(first)
    first.refresh_from_db()
    losses.lose(first, "the worker died")
    assert not begin(second)
    wait_until(lambda: begin(first))


def test_a_row_that_waits_can_be_paused_cancelled_and_deleted(pen):
    body = one_at_a_time()
    first, second, third, last = (body.delayed(pen) for _ in range(4))
    assert second.pause()
    assert not held(second)
    assert third.cancel()
    assert Task.objects.filter(pk=first.pk).clean(finished=False) == 1
    assert held(last)
    watch.Watch().look()
    assert is_awake(last)
    assert second.run()
    assert not begin(last)  # what was made before it waits for the same
    assert begin(second)


def test_whoever_is_first_in_the_line_starts_first(pen):
    body = one_at_a_time()
    rows = [body.delayed(pen) for _ in range(3)]
    assert not begin(rows[2])
    assert begin(rows[0])


def test_a_row_whose_queue_no_worker_has_holds_up_no_other(pen):
    body = one_at_a_time()
    first, second = body.delayed(pen), body.delayed(pen)
    Task.objects.filter(pk=first.pk).update(due=Moment(-61))
    assert begin(second)


def test_a_row_that_is_late_holds_up_no_other(pen):
    body = one_at_a_time()
    first, second = body.delayed(pen), body.delayed(pen)
    Task.objects.filter(pk=first.pk).update(expires=timezone.now() - timedelta(seconds=1))
    assert begin(second)


def test_a_slot_counts_only_while_its_row_runs(pen):
    body = one_at_a_time()
    first, second = body.delayed(pen), body.delayed(pen)
    assert begin(first)
    Task.objects.filter(pk=first.pk).update(
        status="queued", due=Moment(), started=None, losses=1, not_before=Moment(60)
    )
    assert begin(second)


def test_what_is_held_back_and_was_forgotten_is_woken_by_the_keeper(pen):
    body = one_at_a_time()
    first, second = body.delayed(pen), body.delayed(pen)
    assert begin(first)
    Task.objects.filter(pk=first.pk).clean(finished=False)
    Task.objects.filter(pk=first.pk)._raw_delete("default")  # whoever ran it has died
    assert held(second)
    watch.Watch().look()
    assert is_awake(second)


def test_rows_of_a_limit_that_is_gone_are_woken_and_run(pen):
    body = one_at_a_time()
    first, second = body.delayed(pen), body.delayed(pen)
    assert begin(first)
    limits._forget(body.name)
    limits._of_task.clear()
    watch.Watch().look()
    assert is_awake(second)
    assert second.held_by == ""
    assert begin(second)


def test_each_object_has_a_line_of_its_own(pen, ink):
    body = one_at_a_time(by="object")
    assert [begin(body.delayed(one)) for one in (pen, ink, pen)] == [True, True, False]


def test_none_is_not_limited(pen, ink):
    body = one_at_a_time(by=lambda product: product.name if product.name == "ink" else None)
    assert [begin(body.delayed(one)) for one in (pen, pen, ink, ink)] == [True, True, True, False]
    assert body.delayed(pen).limits is None


def test_a_name_is_shared_by_tasks(pen):
    one, other = (one_at_a_time(name=f"shared {pen.pk}", by="object") for _ in range(2))
    assert begin(one.delayed(pen))
    assert not begin(other.delayed(pen))


def test_a_path_that_leads_nowhere_is_named(pen):
    body = one_at_a_time(by="name.colour")
    with pytest.raises(AttributeError, match=r"'name\.colour', and str has no attribute 'colour'"):
        body.delayed(pen)


def test_many_rows_wait_in_the_lines_of_their_objects(pen, ink):
    for by in ("object", "name", "task"):
        body = one_at_a_time(by=by)
        objects = Product.objects.filter(pk__in=[pen.pk, ink.pk])
        body.each(objects)
        rows = list(body.each(objects).order_by("pk"))
        assert [held(row) for row in rows] == [True, True], by
        awake = [row for row in body.tasks() if is_awake(row)]
        assert len(awake) == (1 if by == "task" else 2)
        assert {*map(len, body.tasks().values_list("limits", flat=True))} == {1}


def test_rows_for_later_hold_up_nobody(pen):
    body = one_at_a_time()
    later = body.schedule(60, pen)
    (row,) = body.each.schedule(60, [pen])
    assert row.limits == later.limits
    now, another = body.delayed(pen), body.delayed(pen)
    assert is_awake(now)
    assert held(another)
    work(now)
    assert is_awake(another)


# --- call() ---------------------------------------------------------------------------


def test_a_call_at_the_limit_makes_no_row(pen):
    body = one_at_a_time()
    assert begin(body.delayed(pen))
    with pytest.raises(LimitReached, match="no row was made"):
        body.call(pen)
    assert body.tasks().count() == 1


def test_a_call_takes_a_slot_and_gives_it_back(pen):
    seen = []
    body = declared(
        lambda product: seen.append(Slot.objects.count()) or "done", limits=[Concurrency(1)]
    )
    assert body.call(pen) == body.call(pen) == "done"
    assert seen == [1, 1]
    assert not Slot.objects.exists()


def test_a_call_keeps_its_slot_over_its_retries(pen):
    seen = []

    def run(self, product):
        seen.append(list(Slot.objects.values_list("attempt", flat=True)))
        if self.request.retries < 1:
            raise self.retry(countdown=0)

    body = declared(run, bind=True, limits=[Concurrency(1)])
    body.call(pen)
    assert seen == [[1], [2]]


# --- rates ----------------------------------------------------------------------------


def test_a_rate_lets_one_start_and_holds_the_next_back(pen):
    body = declared(lambda product: None, limits=[Rate(1, per=60)])
    first, second = body.delayed(pen), body.delayed(pen)
    assert work(first).is_finished
    assert not begin(second)
    assert held(second)
    assert 55 < watch.Watch().look() < 60
    assert held(second)
    Limit.objects.update(next_start=Moment())
    watch.Watch().look()
    assert begin(second)


def test_while_nobody_waits_no_time_is_known_at_which_somebody_could_go_on(pen):
    assert watch.Watch().look() == math.inf


def test_a_rate_goes_on_where_it_was(pen):
    body = declared(lambda product: None, limits=[Rate(1, per=60)])
    body.call(pen)
    with pytest.raises(LimitReached):
        body.call(pen)
    Limit.objects.update(next_start=Moment())
    body.call(pen)


def test_a_burst_starts_at_once_and_no_more(pen):
    body = declared(lambda product: None, limits=[Rate(1, per=60, burst=3)])
    for _ in range(3):
        body.call(pen)
    with pytest.raises(LimitReached):
        body.call(pen)


def test_who_comes_a_little_early_waits(pen):
    body = declared(lambda product: None, limits=[Rate(20, per=1)])
    rows = [body.delayed(pen) for _ in range(2)]
    assert [begin(row) for row in rows] == [True, True]
    begun = [columns(row)["started"] for row in rows]
    assert begun[1] - begun[0] >= timedelta(milliseconds=45)


# --- tests of projects ----------------------------------------------------------------


def test_run_tasks_runs_all_that_wait_for_each_other(pen):
    body = declared(lambda product: None, limits=[Concurrency(1), Rate(1, per=3600)])
    rows = [body.delayed(pen) for _ in range(3)]
    assert run_tasks()["finished"] == 3
    ended = [columns(row)["started"] for row in rows]
    assert ended == sorted(ended)


# --- order and cost -------------------------------------------------------------------


def test_limits_that_nobody_needs_are_forgotten(pen):
    body = one_at_a_time(by="object")
    work(body.delayed(pen))
    assert not watch.forget_unused()
    Limit.objects.update(used=Moment(-watch.UNUSED - 1))
    assert watch.forget_unused() == 1
    assert not Limit.objects.exists()


def test_a_rate_by_which_somebody_starts_while_it_is_forgotten_is_kept(pen, monkeypatch):
    body = declared(lambda product: None, limits=[Rate(1, per=3600)])
    assert begin(body.delayed(pen))
    Limit.objects.update(used=Moment(-watch.UNUSED - 1), next_start=Moment(-1))
    forget = watch._forget

    def after_a_claim(using, stored):
        assert begin(body.delayed(pen))
        return forget(using, stored)

    monkeypatch.setattr(watch, "_forget", after_a_claim)
    assert not watch.forget_unused()
    assert not begin(body.delayed(pen))


def test_a_limit_for_which_somebody_waits_is_kept(pen):
    body = one_at_a_time(by="object")
    first, second = body.delayed(pen), body.delayed(pen)
    assert begin(first)
    assert held(second)
    Limit.objects.update(used=Moment(-watch.UNUSED - 1))
    assert not watch.forget_unused()


# --- what people see ------------------------------------------------------------------


def test_what_is_held_back_is_not_stuck(pen):
    body = one_at_a_time()
    first, second = body.delayed(pen), body.delayed(pen)
    assert begin(first)
    assert held(second)
    Task.objects.update(created=timezone.now() - timedelta(days=1))
    assert health.examine().stuck == 0


# --- with what else there is ----------------------------------------------------------


def test_unique_rows_wait_in_lines_as_well(pen, ink):
    body = declared(
        lambda product: None, limits=[Concurrency(1, by=lambda p: "all")], unique="waiting"
    )
    objects = Product.objects.filter(pk__in=[pen.pk, ink.pk]).order_by("pk")
    assert [row.is_new for row in (body.delayed(pen), body.delayed(pen))] == [True, False]
    assert body.each(objects).count() == 1
    assert [is_awake(row) for row in body.tasks().order_by("pk")] == [True, False]
    for row in body.tasks().order_by("pk"):
        assert work(row).is_finished


def test_a_call_that_is_not_unique_takes_no_slot(pen):
    body = declared(lambda product: None, limits=[Concurrency(2)], unique="live")
    body.delayed(pen)
    with pytest.raises(NotUnique):
        body.call(pen)
    assert not Slot.objects.exists()


def test_a_row_that_is_held_takes_no_slot(pen):
    body = one_at_a_time()
    row = body.delayed(pen)
    body.hold()
    assert not begin(row)
    assert not Slot.objects.exists()
    body.release()
    row.refresh_from_db()
    assert row.due is not None
    assert begin(row)
