"""What the database will never store fails the row at once, and is run no second time."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from celery.exceptions import Retry
from django.db import connection

from boogie.apps.tasks import Task
from tests.project.shop.models import Product
from tests.support.runs import declared, work

pytestmark = pytest.mark.django_db(transaction=True)

HOURS = timedelta(hours=14)
NEVER = [
    3e11,
    float("inf"),
    float("nan"),
    timedelta.max,
    datetime.max,
    datetime.max.replace(tzinfo=timezone(-HOURS)),
    datetime.min.replace(tzinfo=timezone(HOURS)),
]


@pytest.fixture
def product():
    return Product.objects.create(name="pen")


# --- times that no date has -----------------------------------------------------------


@pytest.mark.parametrize("when", NEVER, ids=str)
def test_a_start_beyond_the_calendar_is_refused_and_no_row_is_made(product, when):
    task = declared(lambda product: None)
    with pytest.raises(ValueError, match=r"cannot start .*9999"):
        task.schedule(when, product)
    assert not Task.objects.exists()


def test_the_last_days_of_the_calendar_are_in_it(product):
    task = declared(lambda product: None)
    last = datetime(9999, 12, 20, tzinfo=UTC)
    row = Task.objects.get(pk=task.schedule(last, product).pk)
    assert row.scheduled_for == last


@pytest.mark.parametrize("options", [{"countdown": 3e11}, {"eta": datetime.max}], ids=str)
def test_a_retry_beyond_the_calendar_fails_the_row_at_once(product, options):
    task = declared(bind=True)(lambda self, product: self.retry(**options))
    row = work(task.delayed(product))
    assert (row.status, row.attempt, row.losses) == ("failed", 1, 0)
    assert row.error.startswith("ValueError: ")
    assert "cannot start" in row.error


@pytest.mark.parametrize("when", [3e11, datetime.max], ids=str)
def test_so_does_a_retry_that_was_raised_by_hand(product, when):
    @declared
    def task(product):
        raise Retry(when=when)

    row = work(task.delayed(product))
    assert (row.status, row.attempt, row.losses) == ("failed", 1, 0)
    assert row.error.startswith("ValueError: ")


# --- results that the server does not take --------------------------------------------


@pytest.mark.skipif(connection.vendor != "mysql", reason="MySQL and MariaDB have packets")
@pytest.mark.parametrize("atomic", [False, True])
def test_a_result_beyond_a_packet_fails_the_row_at_once(product, atomic):
    """Within MAX_RESULT_SIZE, and twice as long as it travels: each quote is escaped twice."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT @@max_allowed_packet")
        (limit,) = cursor.fetchone()
    if limit > 20_000_000:
        pytest.skip(f"this server takes {limit} bytes")
    task = declared(atomic=atomic)(lambda product: '"' * 5_200_000)
    row = work(task.delayed(product))
    assert (row.status, row.attempt, row.losses) == ("failed", 1, 0)
    assert row.error.startswith("ResultError: ")
    assert "max_allowed_packet" in row.error
