"""What a start under a rate costs, and who wakes the rows that wait for their turn."""

import pytest
from django.db import connection

from boogie.apps.tasks import Rate, Task
from boogie.apps.tasks.db import features
from boogie.apps.tasks.execution import start
from boogie.apps.tasks.limiting import room, watch
from boogie.apps.tasks.models import Limit
from tests.project.shop.models import Product
from tests.support.runs import declared, work
from tests.support.statements import statements

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def pen():
    return Product.objects.create(name="pen")


def waiting(pen, rate, number):
    """Return rows of a task under ``rate``, all of which wait; two have started before them."""
    body = declared(lambda product: None, limits=[rate])
    for _ in range(2):
        work(body.delayed(pen))
    rows = [body.delayed(pen) for _ in range(number)]
    Task.objects.queued().update(due=None)
    return body, rows


def awake():
    return Task.objects.queued().filter(due__isnull=False).count()


def test_a_start_under_a_rate_takes_few_statements(pen):
    body = declared(lambda product: None, limits=[Rate(9, per=1)])
    for _ in range(2):  # what is compiled, and what is there from then on
        work(body.delayed(pen))
    row = body.delayed(pen)
    with statements() as found:
        assert start.claim(str(row.pk), row.name) is not None
    # The row; the limit, which is locked; the claim, when it is to begin, the turn; the object.
    most = 6 + (not features.returns_from_update(connection)) + features.has_one_writer(connection)
    assert len(found) <= most, found


def test_a_start_wakes_the_next_rows_of_a_fast_rate_in_portions(pen):
    _body, rows = waiting(pen, Rate(100, per=1), 60)
    Limit.objects.update(next_start=None)
    work(rows[0])
    ahead = awake()
    assert 10 <= ahead <= room.EARLY * 100 + 1
    for row in rows[1:6]:
        work(row)
    assert awake() >= 10


def test_time_wakes_the_next_row_of_a_slow_rate(pen):
    _body, rows = waiting(pen, Rate(4, per=1), 3)
    Limit.objects.update(next_start=None)
    work(rows[0])
    assert awake() == 0
    Limit.objects.update(next_start=None)
    watch.Watch().look()
    assert awake() == 1
