"""
A soft time limit that strikes in the middle of a statement: what its handler finds of the database.
"""

import pytest
from django.db import connection

from tests.project import services
from tests.project.blog import tasks
from tests.support.processes import PATIENCE
from tests.support.waiting import wait_until
from tests.workers.traces import all_ended, titles

pytestmark = [pytest.mark.worker, pytest.mark.django_db(transaction=True)]

on_postgresql = pytest.mark.skipif(services.DATABASE != "postgresql", reason="about PostgreSQL")
WAYS = [
    tasks.overstay_then_note,
    tasks.overstay_in_a_transaction_then_note,
    tasks.overstay_in_a_coroutine_then_note,
]


@pytest.mark.parametrize("task", WAYS, ids=[task.name.rpartition(".")[2] for task in WAYS])
def test_the_handler_can_use_the_database(standing, user, task):
    (row,) = all_ended(task.delayed(user))
    assert (row.status, row.result, row.errors) == ("finished", "noted", [])
    assert titles(user) == ["noted"]
    # So can the next run.
    (row,) = all_ended(task.delayed(user))
    assert (row.status, titles(user)) == ("finished", ["noted", "noted"])


def test_in_a_transaction_that_is_lost_it_is_told_so(standing, user):
    (row,) = all_ended(tasks.overstay_in_the_transaction_of_the_row.delayed(user))
    if services.DATABASE == "sqlite":
        assert (row.status, titles(user)) == ("finished", ["noted"])
    else:
        assert (row.status, titles(user)) == ("failed", [])
        assert row.error.startswith("TransactionManagementError: The soft time limit struck")
        assert "outside of atomic()" in row.error


@on_postgresql
def test_the_handler_can_use_the_database_while_rows_come_from_the_server(standing, user):
    (row,) = all_ended(tasks.overstay_between_rows_then_note.delayed(user))
    assert (row.status, row.errors, titles(user)) == ("finished", [], ["noted"])


@on_postgresql
def test_nothing_goes_on_in_the_server(standing, user):
    (row,) = all_ended(tasks.overstay_in_a_transaction_then_note.delayed(user))
    assert row.is_finished

    def asleep():
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' "
                "AND state = 'active' AND datname = current_database()"
            )
            return cursor.fetchone()[0]

    wait_until(lambda: not asleep(), PATIENCE)
