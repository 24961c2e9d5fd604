"""Which connections are lent, and to whom."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, connections, transaction

from boogie.apps.tasks import Task
from boogie.apps.tasks.db import compiled
from boogie.apps.tasks.db.lending import bodies
from boogie.apps.tasks.db.lending import lender as lenders
from tests.db.db.lending.conftest import a_run, in_a_run, lender
from tests.project import services
from tests.project.shop.models import Product
from tests.support.processes import PATIENCE
from tests.support.rows import stored

has_server = pytest.mark.skipif(services.DATABASE == "sqlite", reason="there is no server")


def test_files_are_not_lent(lending):
    lending(1)
    assert "other" not in bodies._lenders


@has_server
@pytest.mark.parametrize(
    ("settings", "is_lent"),
    [
        ({}, True),
        ({"AUTOCOMMIT": False}, False),
        ({"OPTIONS": {"pool": True}}, False),
    ],
)
def test_a_database_whose_settings_have_other_plans_is_not_lent(
    lending, monkeypatch, settings, is_lent
):
    for name, value in settings.items():
        monkeypatch.setitem(connections.settings["default"], name, value)
    lending(1)
    assert ("default" in bodies._lenders) is is_lent


@has_server
def test_connections_of_a_kind_that_nobody_knows_are_not_lent(lending, monkeypatch):
    monkeypatch.setattr(bodies, "ENGINES", ())
    lending(1)
    assert not bodies._lenders


@has_server
@pytest.mark.django_db
def test_a_run_within_a_transaction_goes_on_in_it(lending):
    lending(1)
    with transaction.atomic():
        Product.objects.create(name="pen")
        with a_run():
            assert Product.objects.count() == 1
            assert connection.in_atomic_block
        assert connection.in_atomic_block


@has_server
@pytest.mark.django_db(transaction=True)
def test_a_statement_is_compiled_once_for_all_bodies(lending):
    lending(1)
    made = []

    def build(connection):
        made.append(connection)
        return "statement"

    for _ in range(3):
        with ThreadPoolExecutor(max_workers=1) as thread:
            found = thread.submit(in_a_run, compiled.cached, "default", "key", build)
            assert found.result(PATIENCE) == "statement"
    assert len(made) == 1


def raw():
    """Return what a body has of the driver."""
    connection.ensure_connection()
    return connection.connection


@has_server
@pytest.mark.django_db(transaction=True)
def test_a_process_that_was_forked_uses_and_closes_none_of_its_parent(lending, beside, monkeypatch):
    lending(1)
    beside(Product.objects.count).result(PATIENCE)
    (loan,) = lender()._idle
    monkeypatch.setattr(os, "getpid", lambda: loan.pid + 1)
    bodies._after_fork()
    found = beside(raw).result(PATIENCE)
    assert found is not loan.raw
    with loan.raw.cursor() as cursor:  # it still works
        cursor.execute("SELECT 1")
    monkeypatch.undo()
    lenders._inherited.remove(loan.raw)
    loan.close()


@has_server
@pytest.mark.django_db(transaction=True)
def test_nor_does_it_end_what_another_body_of_its_parent_has(lending, monkeypatch):
    """What that thread had is freed in the process that was forked, whenever Python gets to it."""
    lending(1)
    with a_run(), transaction.atomic():
        Product.objects.create(name="pen")
        debt = bodies._here.borrowers["default"]._debt
        loan = debt._loan
        monkeypatch.setattr(os, "getpid", lambda: loan.pid + 1)
        bodies._after_fork()
        lender().leave(loan)  # as the end of the other thread's connection does
        lender().tidy()
        assert lender().count == 0
        monkeypatch.undo()
        Product.objects.create(name="ink")  # the transaction goes on
        lender().count = 1
    assert Product.objects.count() == 2
    lenders._inherited.remove(loan.raw)


@has_server
@pytest.mark.django_db(transaction=True)
def test_what_a_connection_had_that_was_freed_is_lent_anew(lending, beside):
    lending(1)

    def goes():
        """Run in a thread that ends without a word."""
        bodies.begin()
        with transaction.atomic():
            Product.objects.count()
            bodies._here.borrowers["default"].__del__()
            bodies._here.borrowers["default"]._debt._loan = None
        bodies._here.borrowers.clear()

    thread = threading.Thread(target=goes)
    thread.start()
    thread.join(PATIENCE)
    assert lender().count == 1
    assert beside(Product.objects.count).result(PATIENCE) == 0
    assert lender().count == 1


@has_server
@pytest.mark.django_db(transaction=True)
def test_a_body_that_replaces_what_wraps_its_statements_gives_all_back(lending, beside):
    lending(1)

    def replaces():
        connection.execute_wrappers = []
        Product.objects.count()

    beside(replaces).result(PATIENCE)
    assert len(lender()._idle) == 1


@has_server
@pytest.mark.django_db(transaction=True)
def test_a_note_of_our_own_keeps_no_connection(lending, beside):
    """MariaDB is asked by a value of its session whether rows have marks."""
    lending(1)
    row = stored("queued")

    def cancels():
        assert Task.objects.filter(pk=row.pk).cancel() == 1
        return len(lender()._idle)

    assert beside(cancels).result(PATIENCE) == 1


@has_server
@pytest.mark.django_db(transaction=True)
def test_what_one_has_learnt_of_the_server_all_know(lending):
    lending(1)
    found = []
    for _ in range(2):
        with ThreadPoolExecutor(max_workers=1) as thread:
            found.append(thread.submit(in_a_run, level).result(PATIENCE))
    assert found[0] == found[1]


def level():
    """Return the isolation level of a body's connection."""
    Product.objects.count()
    return vars(connection._connections[connection._alias])["isolation_level"]


@has_server
@pytest.mark.django_db(transaction=True)
def test_to_ask_whether_statements_commit_takes_no_connection(lending, beside):
    lending(1)
    assert beside(transaction.get_autocommit).result(PATIENCE)
    assert lender().count == 0
