"""Two keepers and one slot; two processes that make one schedule."""

from datetime import timedelta
from functools import partial

import pytest

from boogie.apps.tasks import Schedule, Task, recurring, schedules, task
from boogie.apps.tasks.db import clock
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.scheduling import following, making, objects, timetable
from tests.project.shop.models import Product
from tests.races.rivals import race, while_uncommitted

pytestmark = pytest.mark.django_db(transaction=True)

HOURLY = timedelta(hours=1)


@task
def visit(product):
    """It is never run."""


@pytest.fixture(autouse=True)
def _nothing_declared(monkeypatch):
    monkeypatch.setattr(schedules, "_declared", {})


@pytest.fixture
def products():
    made = [Product(name=str(n)) for n in range(60)]
    return Product.objects.bulk_create(made)


def due(schedule):
    Schedule.objects.filter(pk=schedule.pk).update(next_run=Moment())
    return Schedule.objects.with_now().get(pk=schedule.pk)


def declare(monkeypatch):
    monkeypatch.setattr(objects, "PORTION", 7)
    recurring(HOURLY, objects=Product.objects.all)(visit)
    following.follow()
    return due(Schedule.objects.get())


def take(schedule):
    return making.take(schedule, clock.read("default"))


def test_a_slot_that_one_keeper_takes_the_other_does_not_get(products):
    schedule = due(visit.repeat(HOURLY, products[0]))
    while_uncommitted(partial(take, schedule), partial(take, schedule))
    assert visit.tasks().count() == 1


def test_a_slot_of_a_keeper_that_is_rolled_back_is_the_others(products):
    schedule = due(visit.repeat(HOURLY, products[0]))
    while_uncommitted(partial(take, schedule), partial(take, schedule), undo=True)
    assert visit.tasks().count() == 1


def test_many_keepers_take_many_slots_once(products):
    for product in products:
        visit.repeat(HOURLY, product)
    for _ in range(3):
        Schedule.objects.update(next_run=Moment())
        race(*[partial(timetable.make, 60)] * 3)
        assert [visit.tasks(product).count() for product in products] == [1] * 60
        Task.objects.all().delete()


def test_many_keepers_make_the_portions_of_a_slot_once(products, monkeypatch):
    declare(monkeypatch)
    for _ in range(3):
        race(*[partial(timetable.make, 60)] * 3)
        assert [visit.tasks(product).count() for product in products] == [1] * 60
        Task.objects.all().delete()
        Schedule.objects.update(next_run=Moment())


def test_a_portion_that_one_keeper_makes_the_other_does_not(products, monkeypatch):
    take(declare(monkeypatch))
    half = Schedule.objects.get()
    while_uncommitted(partial(making.go_on, half), partial(making.go_on, half))
    assert visit.tasks().count() == 14


def test_calls_that_are_the_same_make_one_schedule(products):
    found = race(*[partial(visit.repeat, HOURLY, products[0])] * 4)
    assert {one.pk for one in found} == {Schedule.objects.get().pk}


def test_a_call_waits_for_the_same_one_that_is_not_committed(products):
    ours, theirs = while_uncommitted(*[partial(visit.repeat, HOURLY, products[0])] * 2)
    assert ours == theirs
    ours, theirs = while_uncommitted(*[partial(visit.repeat, HOURLY, products[1])] * 2, undo=True)
    assert Schedule.objects.filter(object_id=str(products[1].pk)).get() == theirs


def test_workers_that_begin_at_once_follow_once(products, monkeypatch):
    recurring(HOURLY, objects=Product.objects.all)(visit)
    race(*[following.follow] * 4)
    assert Schedule.objects.get().declared
