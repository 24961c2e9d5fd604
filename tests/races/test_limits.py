"""Many claim, end and come at the same time: never more than n run, and nobody is forgotten."""

import pytest

from boogie.apps.tasks import Concurrency, LimitReached, Task
from boogie.apps.tasks.execution import start
from boogie.apps.tasks.limiting import watch
from boogie.apps.tasks.models import Slot
from tests.project.shop.models import Product
from tests.races.rivals import race
from tests.support.runs import declared, work

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def pen():
    return Product.objects.create(name="pen")


def begin(row):
    return start.claim(str(row.pk), row.name) is not None


@pytest.mark.parametrize("n", [1, 2])
def test_of_many_claims_at_once_no_more_than_n_succeed(pen, n):
    body = declared(lambda product: None, limits=[Concurrency(n), Concurrency(4, by="object")])
    rows = [body.delayed(pen) for _ in range(6)]
    outcomes = race(*(lambda row=row: begin(row) for row in rows))
    assert sum(outcomes) <= n
    assert Task.objects.running().count() == sum(outcomes)
    assert not race(*(lambda row=row: begin(row) for row in rows)).count(True) > n - sum(outcomes)


def test_of_many_calls_at_once_those_without_room_make_no_row(pen):
    inside = []
    body = declared(lambda product: inside.append(Slot.objects.count()), limits=[Concurrency(1)])

    def call():
        try:
            body.call(pen)
        except LimitReached:
            return False
        return True

    outcomes = race(*[call] * 4)
    assert body.tasks().count() == sum(outcomes) >= 1
    assert set(inside) == {1}


def test_runs_that_end_while_others_come_leave_nobody_behind(pen):
    body = declared(lambda product: None, limits=[Concurrency(1)])

    def come_and_go():
        for _ in range(5):
            work(body.delayed(pen))

    race(*[come_and_go] * 3)
    for _ in range(40):
        watch.Watch().look()
        for row in body.tasks().queued().filter(due__isnull=False).order_by("pk")[:1]:
            work(row)
    assert body.tasks().finished().count() == 15
    assert not Slot.objects.exists()
