"""A look for rows ends: it finds all in a small table, and in a large one tells how to go on."""

import uuid
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.db import models
from django.utils import timezone

from boogie.apps.tasks import Task
from boogie.apps.tasks.db import ids
from boogie.apps.tasks.lifecycle import states
from boogie.apps.tasks.models import people
from boogie.apps.tasks.monitoring import walking
from boogie.apps.tasks.monitoring.filters import Filters
from tests.project.shop.models import Order, Product
from tests.support.rows import stored
from tests.support.statements import statements

pytestmark = pytest.mark.django_db

BY_ID, BY_END = ("-pk",), ("-ended", "-pk")
STATUSES = [str(status) for status, _ in states.STATUS]


@pytest.fixture
def small_looks(monkeypatch):
    """Have a look be ten rows, on every database."""
    monkeypatch.setattr(walking, "LOOK", 10)
    monkeypatch.setattr(walking, "SLOW_LOOK", 10)


@pytest.fixture
def rows():
    """Make five rows of every status, of two tasks, queues, models and users."""
    users = [get_user_model().objects.create(username=name) for name in ("ann", "bob")]
    objects = [Product.objects.create(name="thing"), Order.objects.create()]
    return [
        stored(
            status,
            objects[n % 2],
            name=f"walk.task_{n % 2}",
            queue=f"queue_{n // 2 % 2}",
            created=timezone.now() - timedelta(days=n),
            requested_by_id=people.key_of(users[n // 4 % 2]),
            **({"ended": timezone.now() - timedelta(days=n / 2)} if status in states.ENDED else {}),
        )
        for status in STATUSES
        for n in range(5)
    ]


def order_of(status):
    return BY_END if status in states.ENDED else BY_ID


def expected(filters, order):
    return list(filters.apply(Task.objects.all()).order_by(*order))


GIVEN = [
    {},
    {"task": "walk.task_0"},
    {"task": "walk.nowhere"},
    {"queue": "queue_1"},
    {"requested_by": "bob"},
    {"model": "shop.order"},
    {"model": "shop.label"},
    {"since": "60h"},
    {"until": "60h"},
    {"since": "100h", "until": "40h"},
    {"task": "walk.task_1", "queue": "queue_0", "requested_by": "ann"},
]


@pytest.mark.parametrize("status", ["", *STATUSES])
@pytest.mark.parametrize("given", GIVEN, ids=str)
def test_in_a_small_table_a_look_finds_all_that_fits(rows, given, status):
    filters = Filters.parse({**given, **({"status": status} if status else {})})
    found = walking.look(filters, order_of(status), 100)
    assert found.rows == expected(filters, order_of(status))
    assert found.exhausted
    assert not found.gave_up
    assert found.last is None


def test_a_page_has_no_more_rows_than_asked_and_says_that_there_are_more(rows):
    found = walking.look(Filters.parse({"queue": "queue_0"}), BY_ID, 4)
    assert found.rows == expected(Filters.parse({"queue": "queue_0"}), BY_ID)[:4]
    assert not found.exhausted
    assert not found.gave_up
    assert found.last == found.rows[-1]


def behind(last, order):
    """Return how rows are narrowed to those behind ``last``."""
    if order == BY_ID:
        return lambda rows: rows.filter(pk__lt=last.pk)
    same = models.Q(ended=last.ended, pk__lt=last.pk)
    return lambda rows: rows.filter(models.Q(ended__lt=last.ended) | same)


def looks(filters, order, size):
    """Look until there is nothing more; yield what each look found."""
    found = walking.look(filters, order, size)
    yield found
    while found.last is not None:
        found = walking.look(filters, order, size, behind(found.last, order))
        yield found


@pytest.mark.usefixtures("small_looks")
def test_a_look_in_a_larger_table_gives_up_and_tells_where_to_go_on(rows):
    filters = Filters.parse({"model": "shop.label"})
    found = walking.look(filters, BY_ID, 5)
    assert found.rows == []
    assert found.gave_up
    assert found.last == expected(Filters(), BY_ID)[9]


@pytest.mark.usefixtures("small_looks")
@pytest.mark.parametrize("status", ["", *STATUSES])
@pytest.mark.parametrize("given", [g for g in GIVEN if not {"since", "until"} & set(g)], ids=str)
def test_who_goes_on_finds_everything_once_and_in_order(rows, given, status):
    filters = Filters.parse({**given, **({"status": status} if status else {})})
    order = order_of(status)
    found = [row for one in looks(filters, order, 3) for row in one.rows]
    assert found == expected(filters, order)


@pytest.mark.usefixtures("small_looks")
def test_the_rows_of_an_object_are_all_found_in_a_table_of_any_size(rows):
    product = Product.objects.create(name="other")
    old = stored("finished", product)
    for _ in range(15):
        stored("finished")
    found = walking.look(Filters.parse({"object": f"product:{product.pk}"}), BY_ID, 5)
    assert found.rows == [old]
    assert found.exhausted


@pytest.mark.usefixtures("small_looks")
def test_rows_of_an_hour_are_found_by_their_ids():
    long_ago = [stored("queued", queue="queue_0", pk=_old_id(number)) for number in range(20)]
    filters = Filters.parse({"since": "1h", "queue": "queue_0"})
    assert set(long_ago) <= set(expected(filters, BY_ID)), "by their times they would fit"
    new = [stored("queued", queue="queue_0") for _ in range(3)]
    found = walking.look(filters, BY_ID, 50)
    assert found.rows == new[::-1]
    assert found.exhausted


def _old_id(number):
    first = ids.first_at(timezone.now() - timedelta(days=40))
    return uuid.UUID(int=first.int + number)


def test_rows_that_were_dated_by_hand_are_found_in_a_small_table():
    row = stored("queued", created=timezone.now() - timedelta(days=400))
    assert walking.look(Filters.parse({"until": "300d"}), BY_ID, 5).rows == [row]


def test_a_look_takes_few_statements(rows):
    with statements() as sent:
        walking.look(Filters.parse({"task": "walk.task_0", "status": "failed"}), BY_END, 2)
    assert len(sent) <= 4


# --- counts ---------------------------------------------------------------------------


@pytest.mark.parametrize("given", GIVEN, ids=str)
def test_counts_are_exact_in_a_small_table(rows, given):
    filters = Filters.parse(given)
    counts = walking.count(filters, ["", *STATUSES], 1000)
    fitting = filters.apply(Task.objects.all())
    assert counts == [fitting.count(), *(fitting.filter(status=s).count() for s in STATUSES)]
    assert not any(count.is_capped for count in counts)


def test_a_count_ends_at_its_cap(rows):
    (counted,) = walking.count(Filters(), [""], 7)
    assert str(counted) == "7+"


@pytest.mark.usefixtures("small_looks")
def test_a_count_of_a_part_has_a_plus(rows):
    (counted,) = walking.count(Filters.parse({"queue": "queue_0"}), [""], 1000)
    assert counted.is_capped
    assert str(counted).endswith("+")


def test_all_tabs_are_counted_in_two_statements(rows):
    with statements() as sent:
        walking.count(Filters.parse({"queue": "queue_0"}), ["", *STATUSES], 1000)
    assert len(sent) == 2
