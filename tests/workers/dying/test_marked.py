"""Rows that run while their object is deleted, or is to be erased; also when their worker dies."""

import pytest

from boogie.apps.tasks import Task
from boogie.apps.tasks.lifecycle import wiping
from boogie.apps.tasks.models import Wipe
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
    row.object.delete()
    assert not is_gone(row)
    let_go(path)
    wait_until(lambda: is_gone(row), PATIENCE)


def test_a_row_goes_when_its_worker_is_killed_after_the_deletion(worker, row, path):
    first = worker(tasks=MISSED_SOON)
    begun(path)
    row.object.delete()
    first.kill()
    worker(tasks=MISSED_SOON)
    wait_until(lambda: is_gone(row), PATIENCE)
    assert len(path.read_text().splitlines()) == 1


def test_a_row_is_blank_when_its_run_has_ended_after_the_request(standing, row, path):
    begun(path)
    assert row.object.tasks.erase() == 1
    let_go(path)
    assert row.wait(PATIENCE) is None
    assert_blank(row)


def test_a_row_is_blank_when_its_last_attempt_has_ended_though_a_worker_was_killed(
    worker, row, path
):
    first = worker(tasks=MISSED_SOON)
    begun(path)
    row.object.tasks.erase()
    first.kill()
    worker(tasks=MISSED_SOON)
    begun(path, times=2)
    let_go(path)
    assert row.wait(PATIENCE) is None
    assert (row.attempt, row.losses) == (2, 1)
    assert_blank(row)


def test_a_row_that_is_cancelled_by_hand_is_blank_at_once_and_stays_so(standing, row, path):
    begun(path)
    row.object.tasks.erase()
    assert row.cancel()
    assert_blank(row)
    let_go(path)
    after = tasks.wait_for.delayed(Order.objects.create())
    after.wait(PATIENCE)
    assert_blank(row)


def test_who_is_killed_when_it_has_cancelled_one_leaves_it_to_a_keeper(
    standing, row, path, monkeypatch
):
    begun(path)
    row.object.tasks.erase()
    monkeypatch.setattr(wiping, "follow", lambda rows, found: None)
    assert row.cancel()
    wait_until(lambda: not Task.objects.get(pk=row.pk).args, PATIENCE)
    assert_blank(row)
    let_go(path)
    wait_until(lambda: not Wipe.objects.filter(pk=row.pk).exists(), PATIENCE)


@pytest.mark.parametrize("is_killed", [False, True])
def test_those_after_a_row_are_cancelled_when_that_is_gone(worker, row, path, is_killed):
    first = worker(tasks=MISSED_SOON)
    begun(path)
    then = tasks.wait_for.using(after=row).delayed(Order.objects.create())
    row.object.delete()
    assert Task.objects.get(pk=then.pk).is_queued
    if is_killed:
        first.kill()
        worker(tasks=MISSED_SOON)
    else:
        let_go(path)
    wait_until(lambda: Task.objects.get(pk=then.pk).is_cancelled, PATIENCE)
    assert is_gone(row)
    wait_until(lambda: not Wipe.objects.filter(pk=row.pk).exists(), PATIENCE)


def test_rows_that_wait_are_cancelled_before_a_worker_begins_them(standing):
    order = Order.objects.create()
    rows = [tasks.wait_for.schedule(1, order), tasks.wait_for.paused(order)]
    order.delete()
    assert sorted(Task.objects.filter(pk__in=[r.pk for r in rows]).values_list("status")) == [
        ("cancelled",),
        ("cancelled",),
    ]
