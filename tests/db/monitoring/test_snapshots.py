"""An old snapshot that holds back vacuum is a problem, where it does harm: on PostgreSQL."""

import io
import json
from contextlib import contextmanager

import pytest
from django.core.management import call_command
from django.db import connection, connections

from boogie.apps.tasks import Task
from boogie.apps.tasks.broker import inspect
from boogie.apps.tasks.monitoring import health
from boogie.apps.tasks.monitoring.held import snapshots
from tests.support.rows import stored
from tests.support.statements import statements
from tests.support.waiting import wait_until

on_postgresql = pytest.mark.skipif(
    connection.vendor != "postgresql", reason="other databases have no vacuum"
)
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    """Have every snapshot be an old one, and one dead row be many."""
    for name, value in {"LONG": 0.0, "DEAD": 1, "FEW": 0, "MANY": 0}.items():
        monkeypatch.setattr(snapshots, name, value)
    monkeypatch.setattr(inspect, "answers", lambda: True)


@contextmanager
def snapshot():
    """Hold one open on a second connection; yield the process that serves it."""
    other = connections.create_connection("default")
    try:
        with other.cursor() as cursor:
            cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
            cursor.execute("SELECT pg_backend_pid(), COUNT(*) FROM boogie_tasks_task")
            yield cursor.fetchone()[0]
            cursor.execute("ROLLBACK")
    finally:
        other.close()


def make_dead_rows():
    stored("paused", name="db.snapshots.any")

    def are_counted():
        Task.objects.update(retries=1)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT n_dead_tup FROM pg_stat_user_tables WHERE relname = 'boogie_tasks_task'"
            )
            return cursor.fetchone()[0] > 0

    wait_until(are_counted, what="the server has counted dead rows")


def status():
    """Return the exit status of ``boogie_status``, and what it said of vacuum."""
    output, code = io.StringIO(), 0
    try:
        call_command("boogie_status", json=True, stdout=output)
    except SystemExit as end:
        code = end.code
    data = json.loads(output.getvalue())
    return code, data["vacuum"], [one for one in data["problems"] if "vacuum" in one]


@on_postgresql
def test_an_old_snapshot_is_a_problem_of_boogie_status_until_it_ends():
    with snapshot() as pid:
        make_dead_rows()
        code, held, problems = status()
        assert code == 1
        assert held["what"].startswith(f"the session {pid} ")
        assert held["what"].endswith("idle in transaction")
        assert held["seconds"] >= 0
        assert held["transactions"] >= 1
        assert held["dead"] >= 1
        assert f"the session {pid}" in problems[0]
        assert not [one for one in health.examine().problems if "vacuum" in one]  # a probe is cheap
    assert snapshots.oldest() is None
    assert status()[1:] == (None, [])


@on_postgresql
@pytest.mark.parametrize(("name", "value"), [("LONG", 3600.0), ("DEAD", 10**9), ("FEW", 10**6)])
def test_it_is_none_as_long_as_it_is_short_or_does_no_harm(monkeypatch, name, value):
    with snapshot():
        make_dead_rows()
        assert snapshots.oldest() is not None
        monkeypatch.setattr(snapshots, name, value)
        assert snapshots.oldest() is None


@contextmanager
def shadowing(view, columns):
    """Have a view of the server say what a slot, or a prepared transaction, would make it say."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_snapshot_xmin(pg_current_snapshot())::text")
        (xmin,) = cursor.fetchone()
        cursor.execute(f"CREATE TEMPORARY VIEW {view} AS SELECT {columns.format(xmin=xmin)}")
        try:
            yield
        finally:
            cursor.execute(f"DROP VIEW pg_temp.{view}")


@on_postgresql
def test_a_slot_is_one_by_the_number_of_transactions_since(monkeypatch):
    slot = "'standby' AS slot_name, '{xmin}'::xid AS xmin UNION ALL SELECT 'empty', NULL"
    with shadowing("pg_replication_slots", slot):
        make_dead_rows()
        found = snapshots.oldest()
        assert (found.what, found.seconds) == ("the replication slot standby", None)
        assert found.problem.startswith("the replication slot standby holds back vacuum (since ")
        monkeypatch.setattr(snapshots, "MANY", 10**6)
        assert snapshots.oldest() is None


@on_postgresql
def test_a_prepared_transaction_is_one():
    prepared = (
        "'left' AS gid, '{xmin}'::xid AS transaction, now() - interval '1 hour' AS prepared,"
        " current_database() AS database"
    )
    with shadowing("pg_prepared_xacts", prepared):
        make_dead_rows()
        found = snapshots.oldest()
    assert found.what == "the prepared transaction left"
    assert found.seconds >= 3600


def test_it_is_asked_for_by_one_statement_and_on_postgresql_alone():
    with statements() as asked:
        snapshots.oldest()
    assert len(asked) == (connection.vendor == "postgresql")
