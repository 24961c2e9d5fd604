"""Rows of a batch that end, join and run again at the same time: its end is seen, and once."""

import pytest
from django.db import connection, transaction

from boogie.apps.tasks import Batch, Task, batch
from boogie.apps.tasks.batching import ending, watch
from boogie.apps.tasks.db import features
from tests.project.shop.models import Product
from tests.races.rivals import race, while_uncommitted
from tests.support.rows import coherent
from tests.support.runs import declared, work

pytestmark = pytest.mark.django_db(transaction=True)

clean = declared(lambda product: None)
breaks = declared(lambda product: 1 / product.stock)
report = declared(lambda product, done: None)
warn = declared(lambda product, done: None)
archive = declared(lambda product, done: None)


@pytest.fixture
def pen():
    return Product.objects.create(name="pen", stock=0)


def begun(pen, *tasks):
    with batch(pen, on_success=report, on_failure=warn, on_end=archive) as month_end:
        rows = [task.delayed(pen) for task in tasks]
    return month_end, rows


def made():
    return [task.tasks().count() for task in (report, warn, archive)]


def status(month_end):
    return Batch.objects.get(pk=month_end.pk).status


def test_of_rows_that_end_at_the_same_time_the_last_one_is_seen(pen):
    for number in range(1, 7):
        month_end, rows = begun(pen, clean, clean, clean, clean)
        race(*(lambda row=row: work(row).status for row in rows))
        assert status(month_end) == "finished"
        assert made() == [number, 0, number]


def test_of_rows_that_fail_at_the_same_time_one_is_called_for(pen):
    month_end, rows = begun(pen, breaks, breaks, breaks, clean)
    race(*(lambda row=row: work(row).status for row in rows))
    assert status(month_end) == "failed"
    assert made() == [0, 1, 1]


def test_keepers_and_rows_that_see_the_end_at_the_same_time_call_once(pen):
    for number in range(1, 4):
        month_end, rows = begun(pen, clean, clean)
        looks = [lambda: watch.Watch().look()] * 2
        race(*looks, *(lambda row=row: work(row).status for row in rows))
        watch.Watch().look()
        assert status(month_end) == "finished"
        assert made() == [number, 0, number]


def test_a_row_that_joins_while_the_last_one_ends_is_of_the_batch_or_refused(pen):
    for _ in range(5):
        month_end, (row,) = begun(pen, clean)

        def join(month_end=month_end):
            try:
                return clean.using(batch=month_end).delayed(pen)
            except ValueError:
                return None

        _, joined = race(lambda row=row: work(row), join)
        if joined is None:
            assert status(month_end) == "finished"
        else:
            assert joined.batch_id == month_end.pk
            watch.Watch().look()
            assert status(month_end) == "running"
            work(joined)
            assert status(month_end) == "finished"


def test_a_batch_does_not_end_over_a_row_that_is_not_committed_yet(pen):
    if features.has_one_writer(connection):
        pytest.skip("who ends waits until the other one has committed")
    month_end, (row,) = begun(pen, clean)
    with transaction.atomic():
        joined = clean.using(batch=month_end).delayed(pen)
        race(lambda: work(row).status)
        assert status(month_end) == "running"
    watch.Watch().look()
    assert status(month_end) == "running"
    work(joined)
    assert status(month_end) == "finished"
    assert made() == [1, 0, 1]


def test_a_row_that_joins_and_is_rolled_back_leaves_the_end_to_a_keeper(pen):
    month_end, (row,) = begun(pen, clean)
    while_uncommitted(
        lambda: clean.using(batch=month_end).delayed(pen), lambda: work(row).status, undo=True
    )
    watch.Watch().look()
    assert status(month_end) == "finished"
    assert made() == [1, 0, 1]


def test_many_that_join_at_once_wait_for_nobody(pen):
    month_end, _ = begun(pen, clean)

    def join():
        with transaction.atomic():
            return [clean.using(batch=month_end).delayed(pen).pk for _ in range(3)]

    race(join, join, join)
    assert Task.objects.filter(batch_id=month_end.pk).count() == 10


def test_a_retry_while_the_last_row_ends_keeps_the_batch_open(pen):
    for _ in range(5):
        month_end, (broken, last) = begun(pen, breaks, clean)
        work(broken)
        race(lambda row=last: work(row).status, lambda row=broken: row.retry())
        watch.Watch().look()
        assert status(month_end) == "running"
        work(broken)
        assert status(month_end) == "failed"


def test_a_retry_while_the_batch_ends_has_it_run_again(pen):
    """To who asks just then it still runs."""
    month_end, (broken, last) = begun(pen, breaks, clean)
    work(broken)
    Task.objects.filter(pk=last.pk).update(due=None, **coherent("finished"))
    ended, _ = while_uncommitted(
        lambda: ending.look("default", month_end.pk, failed=True), lambda: broken.retry()
    )
    assert ended
    assert status(month_end) == "running"
