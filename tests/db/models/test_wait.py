"""``wait()`` in a transaction: it works, or says at once that it would never end."""

import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from django.db import connection, transaction

from boogie.apps.tasks import NeverEnds, TaskCancelled
from boogie.apps.tasks.models import results
from tests.project.shop.models import Product
from tests.support.runs import declared, work

pytestmark = pytest.mark.django_db(transaction=True)

on_a_server = pytest.mark.skipif(
    connection.vendor == "sqlite", reason="nobody else can write while a transaction is open"
)

plain = declared(lambda product: product.name)


@pytest.fixture
def product():
    return Product.objects.create(name="pen")


@pytest.fixture
def snapshots(monkeypatch):
    """Connections whose transactions see nothing of what others commit meanwhile."""
    level = "repeatable read"
    if connection.vendor == "postgresql":
        from django.db.backends.postgresql.psycopg_any import IsolationLevel

        level = IsolationLevel.REPEATABLE_READ
    connection.close()
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "isolation_level", level)
    yield
    connection.close()


def elsewhere(function):
    """Call a function in another thread, on a connection of its own."""

    def call():
        try:
            return function()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(call).result()


def moved(product, timeout):
    row = plain.paused(product)
    with transaction.atomic():
        row.run()
        row.wait(timeout)


def made(product, timeout):
    with transaction.atomic():
        plain.delayed(product).wait(timeout)


@pytest.mark.parametrize("transact", [made, moved])
@pytest.mark.parametrize("timeout", [None, 60])
def test_in_the_transaction_that_made_or_moved_the_row_it_is_refused(product, transact, timeout):
    why = r"would never end.*Call wait\(\) after.*run_tasks"
    with pytest.raises(NeverEnds, match=why) as refusal:
        transact(product, timeout)
    assert isinstance(refusal.value, TimeoutError)  # as whoever gave a time expects


def test_in_a_transaction_that_the_project_commits_by_itself_it_is_refused(product):
    transaction.set_autocommit(False)
    try:
        with pytest.raises(NeverEnds, match="would never end"):
            plain.delayed(product).wait()
    finally:
        transaction.rollback()
        transaction.set_autocommit(True)


@on_a_server
@pytest.mark.usefixtures("snapshots")
def test_under_repeatable_read_it_is_refused(product):
    row = plain.delayed(product)
    with transaction.atomic(), pytest.raises(RuntimeError, match="nothing of what others do"):
        row.wait()
    transaction.set_autocommit(False)
    try:
        with pytest.raises(RuntimeError, match="nothing of what others do"):
            row.wait()
    finally:
        transaction.rollback()
        transaction.set_autocommit(True)


@pytest.mark.skipif(connection.vendor != "sqlite", reason="of SQLite")
def test_on_sqlite_it_is_refused_in_every_transaction(product):
    row = plain.delayed(product)
    with transaction.atomic(), pytest.raises(NeverEnds, match="would never end"):
        row.wait()


@on_a_server
def test_for_a_row_of_before_it_works(product, monkeypatch):
    row = plain.delayed(product)
    # Not of the module that all threads share: one that is left of another test may sleep, too.
    clock = SimpleNamespace(monotonic=time.monotonic, sleep=lambda seconds: elsewhere(row.cancel))
    monkeypatch.setattr(results, "time", clock)
    with transaction.atomic(), pytest.raises(TaskCancelled):
        row.wait()


@on_a_server
def test_a_row_that_others_move_at_the_same_time_is_waited_for(product, monkeypatch):
    row = plain.delayed(product)
    asked = []
    look = results.sql.exists_now

    def meanwhile(rows):
        if not asked:
            elsewhere(row.cancel)
        asked.append(rows)
        return look(rows)

    monkeypatch.setattr(results.sql, "exists_now", meanwhile)
    with transaction.atomic(), pytest.raises(TaskCancelled):
        row.wait()
    assert len(asked) == 1


def test_what_has_ended_is_returned_everywhere(product):
    with transaction.atomic():
        row = work(plain.delayed(product))
        assert row.wait() == "pen"


def test_to_ask_once_is_no_waiting(product):
    with transaction.atomic(), pytest.raises(TimeoutError):
        plain.delayed(product).wait(timeout=0)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (plain.using(queue="fast").delayed, r"seconds: does a worker serve the queue 'fast'\?$"),
        (plain.paused, r"seconds: run\(\) queues it$"),
        (lambda product: plain.schedule(3600, product), "seconds: it starts no earlier than 2"),
    ],
    ids=["queued", "paused", "scheduled"],
)
def test_a_row_that_has_not_started_says_what_keeps_it(product, make, words):
    with pytest.raises(TimeoutError, match=words):
        make(product).wait(timeout=0)


def test_a_row_whose_time_has_come_waits_for_a_worker(product):
    with pytest.raises(TimeoutError, match="does a worker serve"):
        plain.schedule(0, product).wait(timeout=0)
