"""What an error of a database means is told by its code, whatever class its driver gave it."""

import contextlib
import sqlite3
from functools import partial
from types import SimpleNamespace

import pytest
from django.db import (
    DatabaseError,
    DataError,
    Error,
    IntegrityError,
    InterfaceError,
    InternalError,
    OperationalError,
    ProgrammingError,
    connection,
    transaction,
)

from boogie.apps.tasks.db import outages
from tests.project import services
from tests.project.shop.models import Product
from tests.support.conflicts import Deadlock

pytestmark = pytest.mark.django_db(transaction=True)

only = {
    name: pytest.mark.skipif(name != services.DATABASE, reason=f"an error of {name}")
    for name in ("postgresql", "mariadb", "sqlite")
}


def raised(statement):
    """Return the error of a statement, as Django raises it."""
    with pytest.raises(Error) as caught, connection.cursor() as cursor:
        cursor.execute(statement)
    connection.close()
    return caught.value


# --- what servers say -----------------------------------------------------------------

POSTGRESQL_AWAY = [
    "08006",  # connection failure
    "25006",  # read-only: a failover
    "40001",  # a snapshot was lost
    "40P01",  # deadlock
    "53100",  # disk full
    "53300",  # too many connections
    "55P03",  # lock not available
    "57014",  # somebody cancelled the statement, or it took too long
    "57P01",  # the server is shut down
    "57P03",  # it starts
    "58030",  # it cannot read its disk
]
POSTGRESQL_REFUSED = ["22003", "22021", "23505", "42501", "42703", "42P01", "54000", "XX000"]


@only["postgresql"]
@pytest.mark.parametrize("state", POSTGRESQL_AWAY + POSTGRESQL_REFUSED)
def test_postgresql_is_away_or_refuses(state):
    error = raised(f"DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{state}'; END $$")
    assert outages.is_outage(error) == (state in POSTGRESQL_AWAY)
    assert outages.is_conflict(error) == (state in ("40001", "40P01"))


@only["postgresql"]
def test_postgresql_that_ends_a_session_is_away():
    assert outages.is_outage(raised("SELECT pg_terminate_backend(pg_backend_pid())"))


@only["postgresql"]
def test_postgresql_that_is_read_only_is_away():
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION READ ONLY")
        with pytest.raises(InternalError) as caught, transaction.atomic():
            cursor.execute("DELETE FROM boogie_tasks_task")
    assert outages.is_outage(caught.value)


MARIADB_AWAY = [
    1020,  # somebody else has changed the row
    1021,  # disk full
    *(1040, 1203),  # too many connections
    1045,  # a password that is changed just now
    1047,  # a node of Galera that is not in its cluster
    *(1053, 1158, 1927, 3032, 4031),  # the session ends
    *(1205, 1213),  # locks
    *(1290, 1792, 1836),  # read-only: a failover
    *(1317, 1969),  # somebody interrupted the statement
]
MARIADB_REFUSED = [1048, 1054, 1062, 1146, 1153, 1264, 1366, 1406, 3819]


@only["mariadb"]
@pytest.mark.parametrize("number", MARIADB_AWAY + MARIADB_REFUSED)
def test_mariadb_is_away_or_refuses(number):
    error = raised(f"SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = {number}, MESSAGE_TEXT = 'no'")
    assert outages.is_outage(error) == (number in MARIADB_AWAY)
    assert outages.is_conflict(error) == (number in (1020, 1213))


@only["mariadb"]
def test_mariadb_that_ends_a_session_is_away():
    assert outages.is_outage(raised("KILL CONNECTION_ID()"))


def test_an_unknown_column_is_refused_and_no_outage():
    error = raised("SELECT nowhere FROM boogie_tasks_task")
    assert not outages.is_outage(error)
    assert not outages.is_conflict(error)


@pytest.mark.skipif(services.DATABASE == "sqlite", reason="no server")
@pytest.mark.parametrize("place", [{"NAME": "nowhere"}, {"USER": "nobody"}, {"PORT": 1}], ids=str)
def test_who_cannot_connect_was_refused_nothing(place):
    other = connection.copy()
    other.settings_dict = {**other.settings_dict, **place}
    with pytest.raises(Error) as caught:
        other.ensure_connection()
    assert outages.is_outage(caught.value)


@only["sqlite"]
def test_sqlite_that_is_locked_is_busy(tmp_path):
    path = tmp_path / "locked.sqlite3"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("CREATE TABLE rows (x)")
        holder.execute("BEGIN IMMEDIATE")
        with contextlib.closing(sqlite3.connect(path, timeout=0)) as other:
            error = wrapped(lambda: other.execute("INSERT INTO rows VALUES (1)"))
    assert outages.is_outage(error)
    assert outages.is_conflict(error)


@only["sqlite"]
def test_sqlite_that_may_not_write_or_cannot_open_its_file_is_away(tmp_path):
    path = tmp_path / "file.sqlite3"
    sqlite3.connect(path).close()
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as reader:
        assert outages.is_outage(wrapped(lambda: reader.execute("CREATE TABLE rows (x)")))
    assert outages.is_outage(wrapped(lambda: sqlite3.connect(tmp_path / "no" / "file")))


def wrapped(action):
    """Return the error of a driver as Django raises it."""
    with pytest.raises(Error) as caught, connection.wrap_database_errors:
        action()
    return caught.value


# --- what drivers say -----------------------------------------------------------------


@pytest.mark.parametrize("error", [OperationalError, InterfaceError, DatabaseError])
def test_a_lost_connection_that_has_no_code_is_an_outage(error):
    assert outages.is_outage(error("server closed the connection unexpectedly"))


@pytest.mark.parametrize("error", [DataError, IntegrityError, ProgrammingError, InternalError])
def test_what_a_driver_refuses_by_itself_is_no_outage(error):
    assert not outages.is_outage(error("cannot adapt it"))


@pytest.mark.parametrize("error", [ValueError("1213"), KeyError(1213), None])
def test_what_no_database_raised_is_no_outage(error):
    assert not outages.is_outage(error)


@pytest.mark.parametrize("number", [2002, 2006, 2013, 2055])
def test_a_client_of_mysql_that_lost_its_server_says_so_by_its_number(number):
    error = OperationalError(number, "gone")
    error.__cause__ = Exception(number, "gone")
    assert outages.is_outage(error)


def test_psycopg2_names_its_codes_otherwise():
    error = InternalError("cannot execute UPDATE in a read-only transaction")
    error.__cause__ = Exception()
    error.__cause__.pgcode = "25006"
    assert outages.is_outage(error)


# --- trying again ---------------------------------------------------------------------


@pytest.fixture
def losing():
    """An action that loses twice, and how often it was called."""
    calls = []

    def action():
        calls.append(True)
        if len(calls) < 3:
            raise Deadlock
        return "won"

    return SimpleNamespace(action=action, calls=calls)


@pytest.fixture(params=["unlocked", "patiently"])
def again(request):
    """One of the ways to do something again."""
    return partial(getattr(outages, request.param), "default", patience=30)


def test_a_statement_that_lost_is_done_again(losing, again):
    assert again(losing.action) == "won"
    assert len(losing.calls) == 3


def test_within_a_transaction_it_is_not(losing, again):
    with pytest.raises(OperationalError), transaction.atomic():
        again(losing.action)
    assert len(losing.calls) == 1


def test_where_the_project_commits_by_itself_it_is_not(losing, again):
    """Else what it has not committed would be lost, and nobody told of it."""
    connection.set_autocommit(False)
    try:
        product = Product.objects.create(name="pen")
        with pytest.raises(OperationalError):
            again(losing.action)
        assert Product.objects.get() == product
    finally:
        connection.rollback()
        connection.set_autocommit(True)
    assert len(losing.calls) == 1


def test_a_database_that_nobody_is_connected_to_is_waited_for(losing):
    connection.close()
    assert outages.patiently("default", losing.action, 30) == "won"
