"""Who finishes, ends or is deleted while others come to stand behind: nobody waits for ever."""

import pytest
from django.db import connection, transaction
from django.utils import timezone

from boogie.apps.tasks import Task
from boogie.apps.tasks.chains import watch
from boogie.apps.tasks.db import features
from boogie.apps.tasks.models import Dependency
from tests.project.shop.models import Product
from tests.races.rivals import race, while_uncommitted
from tests.support.runs import declared, work

pytestmark = pytest.mark.django_db(transaction=True)

pay = declared(lambda product: None)
pack = declared(lambda product: None)


@pytest.fixture
def pen():
    return Product.objects.create(name="pen")


def state(row):
    row.refresh_from_db()
    return row.status, row.is_after, row.due is not None


WAITS, GOES_ON = ("queued", True, False), ("queued", False, True)


def test_a_row_that_finishes_while_another_is_put_behind_it_lets_that_go_on(pen):
    paid = pay.delayed(pen)
    packed, ended = while_uncommitted(
        lambda: pack.using(after=paid).delayed(pen), lambda: work(paid).status
    )
    assert ended == "finished"
    assert state(packed) == GOES_ON


def test_a_row_that_is_put_behind_one_that_finishes_meanwhile_goes_on(pen):
    paid = pay.delayed(pen)

    def finish():
        return work(paid).status

    if features.has_one_writer(connection):
        with transaction.atomic():
            finish()
        packed = pack.using(after=paid).delayed(pen)
    else:
        _, packed = while_uncommitted(finish, lambda: pack.using(after=paid).delayed(pen))
    assert state(packed) == GOES_ON


@pytest.mark.parametrize("end", ["cancel", "clean"])
def test_a_row_that_goes_while_another_is_put_behind_it_takes_that_along(pen, end):
    paid = pay.delayed(pen)
    verb = {"cancel": lambda: paid.cancel(), "clean": lambda: pay.clean(finished=False)}[end]
    packed, _ = while_uncommitted(lambda: pack.using(after=paid).delayed(pen), verb)
    watch.Watch().look()
    if end == "cancel":
        assert state(packed)[0] == "cancelled"
    else:  # what had become needed when its turn came stays
        assert state(packed) == WAITS
        assert pay.clean(finished=False) == 1
        assert state(packed)[0] == "cancelled"


@pytest.mark.parametrize("end", ["cancel", "clean"])
def test_nothing_is_put_behind_a_row_that_goes_meanwhile(pen, end):
    paid = pay.delayed(pen)
    verb = {"cancel": lambda: paid.cancel(), "clean": lambda: pay.clean(finished=False)}[end]

    def put():
        try:
            return pack.using(after=Task.objects.get(pk=paid.pk)).delayed(pen)
        except (ValueError, Task.DoesNotExist) as error:
            return type(error)

    _, refused = while_uncommitted(verb, put)
    assert refused in (ValueError, Task.DoesNotExist)
    assert not pack.tasks().exists()
    assert not Dependency.objects.exists()


def test_of_needs_that_finish_at_the_same_time_the_last_one_lets_those_behind_go_on(pen):
    for _ in range(5):
        needs = [pay.delayed(pen) for _ in range(4)]
        packed = [pack.using(after=needs).delayed(pen) for _ in range(2)]
        race(*(lambda row=row: work(row).status for row in needs))
        assert [state(row) for row in packed] == [GOES_ON] * 2
    assert not watch.unsettled().exists()


def test_one_that_is_cancelled_while_the_others_finish_takes_those_behind_along(pen):
    for _ in range(5):
        needs = [pay.delayed(pen) for _ in range(3)]
        packed = pack.using(after=needs).delayed(pen)
        last = pack.using(after=packed).delayed(pen)
        race(
            lambda needs=needs: work(needs[0]),
            lambda needs=needs: work(needs[1]),
            lambda needs=needs: Task.objects.filter(pk=needs[2].pk).cancel(),
        )
        watch.Watch().look()
        assert state(packed)[0] == state(last)[0] == "cancelled"


def test_keepers_that_look_at_the_same_time_are_in_nobodys_way(pen):
    needs = [pay.delayed(pen) for _ in range(10)]
    packed = [pack.using(after=needs).delayed(pen) for _ in range(10)]
    ended = {"started": timezone.now(), "ended": timezone.now()}
    Task.objects.filter(pk__in=[row.pk for row in needs]).update(
        status="finished", due=None, attempt=1, **ended
    )
    race(*[lambda: watch.Watch().look()] * 3)
    watch.Watch().look()
    assert {state(row) for row in packed} == {GOES_ON}
    assert not watch.unsettled().exists()


def test_many_that_put_rows_behind_the_same_ones_wait_for_each_other(pen):
    needs = [pay.delayed(pen) for _ in range(6)]

    def put(order):
        return [pack.using(after=order).delayed(pen).pk for _ in range(3)]

    race(lambda: put(needs), lambda: put(needs[::-1]), lambda: put(needs[3:] + needs[:3]))
    assert pack.tasks().filter(is_after=True).count() == 9
    for row in needs:
        work(row)
    assert pack.tasks().filter(is_after=False).count() == 9
