"""
Counts that a change must not raise: round trips of a row's life, statements of an idle worker.

Counts, and not times: they are the same on every machine.
"""

from collections import Counter

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from boogie.apps.tasks import current_app
from boogie.apps.tasks.db import features
from boogie.apps.tasks.keeper import step, thread
from boogie.apps.tasks.transport import polling
from tests.project.shop.models import Product
from tests.support.runs import declared, ring

#: Not in a transaction of the test's own, whose savepoints would be counted.
pytestmark = pytest.mark.django_db(transaction=True)

nothing = declared(lambda product: None)
MINUTE = 60
#: Looks of a waiting ``boogie://`` in that minute, at most.
LOOKS = 61


@pytest.fixture
def product():
    """An object; caches are as in any process after its first row."""
    product = Product.objects.create(name="pen")
    nothing.call(product)
    return product


def round_trips(act):
    """Return what ``act`` sends to the database, transaction control included."""
    with CaptureQueriesContext(connection) as captured:
        act()
    return [query["sql"].split()[0].upper() for query in captured.captured_queries]


def test_making_a_row_is_one_round_trip_where_an_insert_returns(product):
    sent = round_trips(lambda: nothing.delayed(product))
    assert [word for word in sent if word != "SELECT"] == ["INSERT"]
    assert len(sent) <= (1 if connection.features.can_return_columns_from_insert else 2)


def test_a_run_is_three_round_trips_where_an_update_returns(product):
    row = nothing.delayed(product)
    sent = round_trips(lambda: ring(row.name, row.pk))
    assert len(sent) <= (3 if features.returns_from_update(connection) else 4), sent


def test_many_rows_cost_no_more_round_trips_than_few(product):
    Product.objects.bulk_create([Product(name="thing") for _ in range(200)])
    few = round_trips(lambda: nothing.each(Product.objects.all()[:20]))
    many = round_trips(lambda: nothing.each(Product.objects.all()))
    assert len(many) == len(few) <= 4


# --- a worker that does nothing ---------------------------------------------------------


class Clock:
    """A clock that the test moves on."""

    def __init__(self):
        self.now = 1000.0

    def monotonic(self):
        return self.now


class Pool:
    def known(self):
        return set()

    def kill(self, task_id):
        raise AssertionError(f"{task_id} was never there")


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(step.time, "monotonic", clock.monotonic)
    return clock


@pytest.fixture
def idle(clock):
    """The keeper of a worker that has told of itself; a minute of it goes by at each call."""
    one = thread.Keeper("idle@here/1", {"queues": ["celery"]}, Pool())
    one.introduce()

    def pass_a_minute():
        for _ in range(MINUTE):
            clock.now += thread.TICK
            one.tick()

    pass_a_minute()
    return pass_a_minute


@pytest.mark.parametrize("broker", ["redis", "boogie"])
def test_an_idle_keeper_asks_less_than_twice_a_second(idle, monkeypatch, broker):
    monkeypatch.setattr(current_app, "needs_ringing", lambda *app: broker != "boogie")
    sent = round_trips(idle)
    # Two a second, together with the looks that only boogie:// makes.
    limit = 2 * MINUTE - (LOOKS if broker == "boogie" else 0)
    assert MINUTE / thread.RESCUE_EVERY <= len(sent) <= limit, Counter(sent)


def test_an_idle_worker_of_the_table_looks_no_more_than_twice_a_second(monkeypatch, clock):
    """The longest pause is reached; each look is one statement."""
    monkeypatch.setattr(polling.time, "monotonic", clock.monotonic)
    one = polling.Watch()
    looks = 0
    for _ in range(30):
        one.found(0)
    end = clock.now + MINUTE
    while clock.now < end:
        clock.now += max(one.pulse, polling.FASTEST)
        if one.is_time():
            one.found(0)
            looks += 1
    assert MINUTE / 2 <= looks <= LOOKS
