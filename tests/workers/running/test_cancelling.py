"""Rows that are cancelled while a real worker runs them: the body is told, or killed."""

import os
from pathlib import Path

import pytest
from django.db import connection

from boogie.apps.tasks import Task
from tests.project import services
from tests.project.shop import tasks
from tests.project.shop.models import Product
from tests.support.names import fresh_name
from tests.support.processes import PATIENCE
from tests.support.waiting import wait_until
from tests.workers.diary import Diary, assert_cancelled_and_untouched, start, worker_goes_on
from tests.workers.traces import all_ended

pytestmark = [pytest.mark.worker, pytest.mark.django_db(transaction=True)]

#: On SQLite nobody can write, not even that a row is cancelled, while a body holds a transaction.
others_can_write = pytest.mark.skipif(
    services.DATABASE == "sqlite", reason="a transaction keeps all others from writing"
)


@pytest.fixture
def product(transactional_db):
    return Product.objects.create(name=fresh_name("product"))


@pytest.fixture
def diary(tmp_path):
    """What bodies did: lines of a word and the id of the process."""
    return Diary(tmp_path / "diary")


# --- told -------------------------------------------------------------------------------

TOLD = [
    tasks.told_by_method,
    tasks.told_by_function,
    tasks.told_and_goes_on,
    tasks.told_and_retries,
    tasks.told_and_fails,
]


@pytest.mark.parametrize("body", TOLD, ids=lambda body: body.name.rpartition(".")[2])
def test_a_body_learns_of_it_and_whatever_it_does_then_is_refused(standing, product, diary, body):
    row = start(body, product, diary)
    assert row.cancel()
    assert diary.until("told") == diary.pids("begun")
    worker_goes_on(product)
    assert_cancelled_and_untouched(row)
    assert len(diary.pids("begun")) == 1


def test_cancelling_leaves_the_process_alive(standing, product, diary):
    row = start(tasks.told_by_method, product, diary)
    row.cancel()
    (pid,) = diary.until("told")
    assert worker_goes_on(product) == pid == row.pid


@others_can_write
def test_an_atomic_body_learns_of_it_and_is_rolled_back(standing, product, diary):
    row = start(tasks.told_in_a_transaction, product, diary)
    assert row.cancel()
    diary.until("told")
    worker_goes_on(product)
    assert_cancelled_and_untouched(row)
    product.refresh_from_db()
    assert product.stock == 0


def test_a_row_retried_by_hand_after_it_was_cancelled_runs_anew(standing, product, diary):
    row = start(tasks.told_by_function, product, diary)
    row.cancel()
    diary.until("told")
    assert row.retry()
    diary.until("begun", 2)
    assert Task.objects.running().filter(pk=row.pk, attempt=2).exists()
    assert Task.objects.filter(pk=row.pk).cancel() == 1
    diary.until("told", 2)


@pytest.mark.parametrize("pool", ["threads", "solo"])
def test_a_body_learns_of_it_in_any_pool(worker, product, diary, pool):
    worker(pool=pool)
    row = start(tasks.told_by_function, product, diary)
    row.cancel()
    diary.until("told")
    worker_goes_on(product)
    assert_cancelled_and_untouched(row)


# --- killed -----------------------------------------------------------------------------


def is_gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.parametrize("body", [tasks.deaf, tasks.deaf_late], ids=["early", "late"])
def test_terminate_kills_the_process_and_the_worker_goes_on(worker, product, diary, body):
    one = worker()
    row = start(body, product, diary)
    assert row.cancel(terminate=True)
    assert row.is_cancelled
    wait_until(lambda: is_gone(row.pid), PATIENCE)
    assert worker_goes_on(product) not in (row.pid, one.pid)
    assert_cancelled_and_untouched(row)
    assert diary.pids("begun") == [row.pid]
    assert Task.objects.get(pk=row.pk).losses == 0


@others_can_write
def test_terminate_rolls_an_atomic_body_back(worker, product, diary):
    worker()
    row = start(tasks.deaf_in_a_transaction, product, diary)
    assert row.cancel(terminate=True)
    wait_until(lambda: is_gone(row.pid), PATIENCE)
    worker_goes_on(product)
    assert_cancelled_and_untouched(row)
    product.refresh_from_db()
    assert product.stock == 0


def test_terminate_on_a_queryset_kills_every_process_and_no_other(worker, product, diary):
    worker("-c", "3")
    deaf = [start(tasks.deaf, product, diary) for _ in range(2)]
    spared = start(tasks.told_by_method, product, diary)
    assert tasks.deaf.tasks(product).cancel(terminate=True) == 2
    wait_until(lambda: all(is_gone(row.pid) for row in deaf), PATIENCE)
    assert not is_gone(spared.pid)
    for row in all_ended(*deaf):
        assert_cancelled_and_untouched(row)
    spared.refresh_from_db()
    assert spared.is_running
    spared.cancel()
    diary.until("told")


def test_terminate_where_the_pool_cannot_kill_is_a_cancel(worker, product, diary):
    one = worker(pool="threads")
    row = start(tasks.told_when_let_go, product, diary)
    assert row.cancel(terminate=True)
    one.until_logged(f"The pool cannot kill {row.pk}")
    Path(f"{diary.path}.go").touch()
    diary.until("told")
    worker_goes_on(product)
    wait_until(lambda: not Task.objects.get(pk=row.pk).terminate, PATIENCE)
    assert_cancelled_and_untouched(row)


def test_a_row_cancelled_with_terminate_before_it_begins_never_runs(worker, product, diary):
    one = worker()
    holding = start(tasks.told_by_function, product, diary)
    waiting = tasks.deaf.delayed(product, str(diary.path))
    assert waiting.cancel(terminate=True)
    holding.cancel()
    pid = worker_goes_on(product)
    assert diary.pids("begun") == [pid]
    assert Task.objects.get(pk=waiting.pk).attempt == 0
    assert one.lives


def test_the_connection_of_a_killed_body_is_closed(worker, product, diary):
    if connection.vendor != "postgresql":
        pytest.skip("looks into PostgreSQL's list of connections")
    worker()
    row = start(tasks.deaf_in_a_transaction, product, diary)
    open_ones = "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction'"
    mine = f"{open_ones} AND datname = current_database()"

    def count():
        with connection.cursor() as cursor:
            cursor.execute(mine)
            return cursor.fetchone()[0]

    assert count() == 1
    row.cancel(terminate=True)
    wait_until(lambda: count() == 0, PATIENCE)
