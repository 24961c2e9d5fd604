"""SQLite's "database is locked" is a reason to wait, not to fail."""

import sqlite3
import threading

import pytest
from django.db import OperationalError, connection, connections, transaction

from boogie.apps.tasks import Task
from boogie.apps.tasks.db import outages
from tests.project.shop.models import Product
from tests.races.rivals import Rival
from tests.support.runs import declared, work
from tests.support.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def lock(monkeypatch):
    """The write lock of the database file, held by somebody else; nobody waits for it."""
    if connection.vendor != "sqlite":
        pytest.skip("only SQLite has one lock for the whole database")
    monkeypatch.setitem(connections.settings["default"]["OPTIONS"], "timeout", 0.01)
    other = sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    yield other
    other.close()


class Impatient(Rival):
    """A rival that counts how often its statements were refused."""

    def __init__(self, function):
        super().__init__(lambda: self._counting(function))
        self.count = 0

    def _counting(self, function):
        with connection.execute_wrapper(self._count):
            return function()

    def _count(self, execute, sql, params, many, context):
        try:
            return execute(sql, params, many, context)
        except OperationalError:
            self.count += 1
            raise


def test_a_row_is_made_once_the_lock_is_free(lock):
    body = declared(lambda product: None)
    lock.rollback()
    product = Product.objects.create(name="pen")
    list(body.tasks(product))
    lock.execute("BEGIN IMMEDIATE")
    rival = Impatient(lambda: body.delayed(product))
    rival.start()
    wait_until(lambda: rival.count >= 3 or not rival.is_alive())
    assert rival.is_alive()
    lock.rollback()
    assert rival.outcome().is_queued
    assert Task.objects.count() == 1


def test_a_row_is_claimed_and_settled_once_the_lock_is_free(lock):
    body = declared(lambda product: "done")
    lock.rollback()
    row = body.delayed(Product.objects.create(name="pen"))
    lock.execute("BEGIN IMMEDIATE")
    rival = Impatient(lambda: work(Task.objects.get(pk=row.pk)))
    rival.start()
    wait_until(lambda: rival.count >= 3 or not rival.is_alive())
    assert rival.is_alive()
    lock.rollback()
    assert rival.outcome().get_result() == "done"


class Locked(sqlite3.OperationalError):
    """What SQLite's driver raises, with its code."""

    def __init__(self, message):
        super().__init__(message)
        self.sqlite_errorcode = {"database is locked": 5, "server has gone away": 10}.get(
            message, 1
        )


def busy(times, message="database is locked"):
    """Return an action that is refused so many times, and the list of its calls."""
    calls = []

    def action():
        calls.append(1)
        if len(calls) <= times:
            raise OperationalError(message) from Locked(message)
        return "done"

    return action, calls


def test_the_action_is_tried_again_until_it_succeeds():
    action, calls = busy(4)
    assert outages.unlocked("default", action) == "done"
    assert len(calls) == 5


def test_however_long_the_first_try_took_there_is_another_one():
    action, calls = busy(1)

    def slow():
        threading.Event().wait(0.05)
        return action()

    assert outages.unlocked("default", slow, patience=0.02) == "done"
    assert len(calls) == 2


def test_another_error_is_not_waited_out():
    action, calls = busy(1, "no such table")
    with pytest.raises(OperationalError, match="no such table"):
        outages.unlocked("default", action)
    assert len(calls) == 1


def test_inside_a_transaction_nothing_is_tried_again():
    action, calls = busy(1)
    with transaction.atomic(), pytest.raises(OperationalError, match="locked"):
        outages.unlocked("default", action)
    assert len(calls) == 1


def test_at_the_end_of_its_patience_the_error_is_raised():
    action, calls = busy(10**9)
    with pytest.raises(OperationalError, match="locked"):
        outages.unlocked("default", action, patience=0.1)
    assert len(calls) > 1


def test_settling_waits_for_a_database_that_is_away_and_connects_anew():
    closed = []
    action, calls = busy(2, "server has gone away")

    def noted():
        closed.append(connection.connection is None)
        return action()

    connection.ensure_connection()
    assert outages.patiently("default", noted, 60) == "done"
    assert len(calls) == 3
    assert closed == [False, True, True]
