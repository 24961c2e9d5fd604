"""Rows of a limit keep their place in its line, whatever happens to them before they start."""

from datetime import timedelta

import pytest
from django.db import connection, transaction

from boogie.apps.tasks import Concurrency, LimitReached, Rate, Task, queues
from boogie.apps.tasks.db import features
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.execution import losses, start
from boogie.apps.tasks.limiting import watch
from boogie.apps.tasks.models import Limit, Slot
from tests.project.shop.models import Product
from tests.races.rivals import race
from tests.support.runs import declared, work
from tests.support.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

ONE = Concurrency(1, by=lambda product: "one")
OTHER = Concurrency(2, by=lambda product: product.name, name="shared by what is busy")


@pytest.fixture
def pen():
    return Product.objects.create(name="pen")


@pytest.fixture
def ink():
    return Product.objects.create(name="ink")


def one_at_a_time():
    return declared(lambda product: None, limits=[ONE])


def begin(row):
    return start.claim(str(row.pk), row.name) is not None


def awake(*rows):
    """Return whether each of the rows is to be tried."""
    due = dict(Task.objects.queued().values_list("pk", "due"))
    return [due.get(row.pk) is not None for row in rows]


def test_rows_that_nobody_has_tried_yet_are_woken_one_after_the_other(pen):
    body = one_at_a_time()
    first, second, third = (body.delayed(pen) for _ in range(3))
    assert not Limit.objects.exists()
    watch.Watch().look()
    assert awake(first, second, third) == [True, False, False]
    assert not begin(third)
    assert [work(row).is_finished for row in (first, second, third)] == [True] * 3


def test_a_line_whose_first_is_gone_before_anybody_tried_it_goes_on(pen):
    body = one_at_a_time()
    first, second, third = (body.delayed(pen) for _ in range(3))
    Task.objects.filter(pk=first.pk)._raw_delete("default")
    watch.Watch().look()
    assert awake(second, third) == [True, False]


@pytest.mark.parametrize("what", ["task", "queue"])
def test_a_hold_that_is_released_costs_nobody_a_place(pen, what):
    body = one_at_a_time()
    rows = [body.delayed(pen) for _ in range(3)]
    queue = rows[0].queue
    body.hold() if what == "task" else queues.hold(queue)
    for row in rows:
        assert not begin(row)
    body.release() if what == "task" else queues.release(queue)
    assert not begin(rows[2])
    assert not begin(rows[1])
    assert [work(row).is_finished for row in rows] == [True] * 3


def test_a_hold_leaves_rows_without_limits_in_no_line(pen):
    body, limited = declared(lambda product: None, name="free.of.limits"), one_at_a_time()
    row, other = body.delayed(pen), limited.delayed(pen)
    queues.hold(row.queue)
    assert not begin(row)
    assert not begin(other)
    queues.release(row.queue)
    row.refresh_from_db()
    other.refresh_from_db()
    assert row.held_by == ""
    assert other.held_by.startswith("limit:")


@pytest.mark.parametrize("how", ["paused", "retried", "lost", "by hand", "cancelled"])
def test_who_comes_back_is_before_those_who_were_made_later(pen, how):
    fails = [how]

    def run(self, product):
        if how in ("retried", "by hand") and fails:
            fails.clear()
            raise self.retry(countdown=0) if how == "retried" else ValueError(how)

    body = declared(run, bind=True, limits=[ONE])
    first, second, third = (body.delayed(pen) for _ in range(3))
    if how == "paused":
        assert first.pause()
        assert first.run()
    elif how == "cancelled":
        assert first.cancel()
        assert first.retry()
    elif how == "lost":
        assert begin(first)
        first.refresh_from_db()
        losses.lose(first, "the worker died")
    else:
        work(first)
        assert how == "retried" or first.retry()
    assert not begin(second)
    assert not begin(third)
    wait_until(lambda: work(first).is_finished)
    assert [work(row).is_finished for row in (second, third)] == [True] * 2


def test_a_row_that_waits_at_its_second_limit_is_still_the_first_at_the_other(pen, ink):
    body = declared(lambda product: None, limits=[OTHER, ONE])
    for _ in range(2):  # the pen's limit is full
        assert begin(busy().delayed(pen))
    older, younger = body.delayed(pen), body.delayed(ink)
    assert not begin(older)
    assert not begin(younger)
    watch.Watch().look()
    assert awake(younger) == [False]
    Task.objects.running().update(status="cancelled", ended=Moment())
    watch.Watch().look()
    assert awake(older) == [True]
    assert not begin(younger)
    assert work(older).is_finished
    assert awake(younger) == [True]
    assert work(younger).is_finished


@pytest.mark.parametrize("ending", ["cancel", "pause", "delete", "later"])
def test_who_waits_at_its_second_limit_and_leaves_makes_room_at_the_other(pen, ink, ending):
    body = declared(lambda product: None, limits=[OTHER, ONE])
    for _ in range(2):
        assert begin(busy().delayed(pen))
    older, younger = body.delayed(pen), body.delayed(ink)
    assert not begin(older)
    assert not begin(younger)
    if ending == "delete":
        Task.objects.filter(pk=older.pk).clean(finished=False)
    elif ending == "later":
        Task.objects.filter(pk=older.pk).update(not_before=Moment(60))
    else:
        getattr(older, ending)()
    watch.Watch().look()
    assert begin(younger)


def busy():
    """Return a task under the same limit, whose rows run for as long as we like."""
    return declared(lambda product: None, limits=[OTHER])


def test_slots_of_dead_runs_take_no_room(pen):
    body = declared(lambda product: None, limits=[Concurrency(3, by=lambda product: "three")])
    dead = [body.delayed(pen) for _ in range(2)]
    assert [begin(row) for row in dead] == [True, True]
    rows = [body.delayed(pen) for _ in range(3)]
    Task.objects.running().update(status="cancelled", ended=Moment())
    assert Slot.objects.count() == 2
    watch.Watch().look()
    assert awake(*rows) == [True] * 3
    assert [begin(row) for row in rows] == [True] * 3
    assert Slot.objects.count() == 3


@pytest.mark.parametrize("why", ["the clock was set back", "it was slower"])
def test_a_rate_goes_on_though_its_next_start_lies_far_ahead(pen, why):
    body = declared(lambda product: None, limits=[Rate(10, per=1)])
    body.call(pen)
    Limit.objects.update(next_start=Moment(3600 if why == "it was slower" else 86400))
    row = body.delayed(pen)
    assert work(row).is_finished
    limit = Limit.objects.get()
    assert limit.next_start - row.started <= timedelta(seconds=0.3)


def test_a_call_in_an_older_transaction_learns_of_the_slot_of_another(pen):
    """Its snapshot, where the database has such, does not show who has come meanwhile."""
    if features.has_one_writer(connection):
        pytest.skip("nobody else writes while a transaction does")
    body = one_at_a_time()
    row = body.delayed(pen)
    with transaction.atomic():
        assert not Slot.objects.exists()
        assert in_another_thread(lambda: begin(row))
        with pytest.raises(LimitReached):
            body.call(pen)
    assert Slot.objects.count() == 1


def in_another_thread(function):
    (outcome,) = race(function)
    return outcome
