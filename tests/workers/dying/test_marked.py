"""Rows that run while their object is deleted, or is to be erased; also when their worker dies."""

import pytest

from boogie.apps.tasks import Task
from tests.project.shop import tasks
from tests.project.shop.models import Order
from tests.support.processes import PATIENCE
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.worker, pytest.mark.django_db(transaction=True)]

SECRET = "anna@example.org"
MISSED_SOON = {"HEARTBEAT": 1, "WORKER_TIMEOUT": 8}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "diary"


@pytest.fixture
def row(path):
    return tasks.wait_with.delayed(Order.objects.create(), str(path), SECRET)


def begun(path, times=1):
    wait_until(lambda: path.exists() and len(path.read_text().splitlines()) >= times, PATIENCE)


def let_go(path):
    path.with_name(f"{path.name}.go").touch()


def is_gone(row):
    return not Task.objects.filter(pk=row.pk).exists()


def assert_blank(row):
    assert SECRET not in repr(Task.objects.values().get(pk=row.pk))


def test_a_row_goes_when_its_run_ends_after_the_deletion_of_its_object(standing, row, path):
    begun(path)
    Order.objects.all().delete()
    assert not is_gone(row)
    let_go(path)
    wait_until(lambda: is_gone(row), PATIENCE)


def test_a_row_goes_when_its_worker_is_killed_after_the_deletion(worker, row, path):
    first = worker(tasks=MISSED_SOON)
    begun(path)
    Order.objects.all().delete()
    first.kill()
    worker(tasks=MISSED_SOON)
    wait_until(lambda: is_gone(row), PATIENCE)
    assert len(path.read_text().splitlines()) == 1


def test_a_row_is_blank_when_its_run_has_ended_after_the_request(standing, row, path):
    begun(path)
    assert Order.objects.get().tasks.erase() == 1
    let_go(path)
    assert row.wait(PATIENCE) is None
    assert_blank(row)


def test_a_row_is_blank_when_its_last_attempt_has_ended_though_a_worker_was_killed(
    worker, row, path
):
    first = worker(tasks=MISSED_SOON)
    begun(path)
    Order.objects.get().tasks.erase()
    first.kill()
    worker(tasks=MISSED_SOON)
    begun(path, times=2)
    let_go(path)
    assert row.wait(PATIENCE) is None
    assert (row.attempt, row.losses) == (2, 1)
    assert_blank(row)


def test_a_row_that_is_cancelled_by_hand_is_blanked_by_a_keeper(standing, row, path):
    begun(path)
    Order.objects.get().tasks.erase()
    row.cancel()
    wait_until(lambda: not Task.objects.get(pk=row.pk).args, PATIENCE)
    assert_blank(row)
    let_go(path)


def test_rows_that_wait_are_cancelled_before_a_worker_begins_them(standing):
    order = Order.objects.create()
    rows = [tasks.wait_for.schedule(1, order), tasks.wait_for.paused(order)]
    order.delete()
    assert sorted(Task.objects.filter(pk__in=[r.pk for r in rows]).values_list("status")) == [
        ("cancelled",),
        ("cancelled",),
    ]
