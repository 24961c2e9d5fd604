"""Two hold, release and park at once; whatever wins, no row sleeps for ever."""

import pytest
from django.db import connection, transaction

from boogie.apps.tasks import Task, queues
from boogie.apps.tasks.db import features
from boogie.apps.tasks.holds import refused, switch
from boogie.apps.tasks.lifecycle import parking
from boogie.apps.tasks.models import Hold
from tests.project.shop.models import Product
from tests.races.rivals import race
from tests.support.runs import declared, ring, work

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = range(10)

clean = declared(lambda obj: str(obj), name="races.holds.clean", queue="slow")


@pytest.fixture
def rows():
    product = Product.objects.create(name="thing")
    return [clean.delayed(product) for _ in range(4)]


def asleep():
    return parking.parked(Task.objects.all()).count()


@pytest.mark.parametrize("_round", ROUNDS)
def test_of_two_who_hold_one_does_and_of_two_who_release_one_does(_round):
    held = race(*[lambda n=n: queues.hold("slow", reason=str(n)) for n in range(3)])
    assert sorted(held) == [False, False, True]
    assert Hold.objects.get().reason == str(held.index(True))
    released = race(*[lambda: queues.release("slow")] * 3)
    assert sorted(released) == [False, False, True]


@pytest.mark.parametrize("_round", ROUNDS)
def test_a_hold_and_a_release_at_once_leave_one_of_the_two(_round, rows):
    queues.hold("slow")
    race(lambda: queues.hold("slow"), lambda: queues.release("slow"))
    assert Hold.objects.count() == 1
    if queues.held():
        queues.release("slow")
    assert not asleep()


@pytest.mark.parametrize("_round", ROUNDS)
def test_what_is_parked_while_it_is_released_is_woken_or_starts(_round, rows):
    queues.hold("slow")
    race(
        lambda: queues.release("slow"),
        *[lambda row=row: ring(clean.name, row.pk) for row in rows[:2]],
    )
    assert not asleep()
    for row in rows:
        assert work(row).is_finished


@pytest.mark.parametrize("_round", ROUNDS)
def test_a_hold_and_claims_at_once_start_a_row_or_park_it(_round, rows):
    race(clean.hold, *[lambda row=row: ring(clean.name, row.pk) for row in rows[:2]])
    for row in rows:
        before = Task.objects.get(pk=row.pk)
        assert before.is_finished or not work(row).attempt
    clean.release()
    assert all(work(row).is_finished for row in rows if not work(row).is_finished)


@pytest.mark.skipif(
    features.has_one_writer(connection), reason="a release that goes on holds up every writer"
)
def test_nobody_waits_for_a_release_that_is_not_committed(rows, monkeypatch):
    monkeypatch.setattr(refused, "AGAIN", 0.0)
    queues.hold("slow")
    row = rows[0]
    with transaction.atomic():
        queues.release("slow")
        race(lambda: ring(clean.name, row.pk))
    row.refresh_from_db()
    assert not row.attempt
    assert not asleep()
    assert work(row).is_finished


def test_keepers_that_finish_a_release_at_once_do_it_once(rows):
    queues.hold("slow")
    for row in rows:
        work(row)
    assert asleep() == 4
    Hold.objects.update(released="2020-01-01T00:00:00Z")
    race(*[switch.finish] * 3)
    assert not asleep()
    assert not Hold.objects.exists()
