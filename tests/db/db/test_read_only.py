"""A failover: sessions end, those that begin may only read for a while, and then some may write."""

import contextlib
from types import SimpleNamespace

import pytest
from django.db import Error, connection, connections

from boogie.apps.tasks import Worker, identity
from boogie.apps.tasks.db import outages
from boogie.apps.tasks.keeper.heartbeat import beat
from boogie.apps.tasks.keeper.step import REFUSED, guarded
from boogie.apps.tasks.transport.transport import Transport
from tests.project import services
from tests.project.shop.models import Product
from tests.support.runs import declared, work
from tests.support.servers.mariadb import DATABASE, USER, MariadbServer
from tests.support.servers.programs import Absent
from tests.support.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

postgresql = pytest.mark.skipif(services.DATABASE != "postgresql", reason="about PostgreSQL")
mariadb = pytest.mark.skipif(services.DATABASE != "mariadb", reason="about MariaDB")


@pytest.fixture
def refusals(monkeypatch):
    """What was taken for an outage; ``then`` is called at each."""
    seen = SimpleNamespace(errors=[], then=lambda: None)
    is_outage = outages.is_outage

    def watched(error):
        if answer := is_outage(error):
            seen.errors.append(error)
            seen.then()
        return answer

    monkeypatch.setattr(outages, "is_outage", watched)
    return seen


def causes(refusals):
    return [type(error.__cause__).__name__ for error in refusals.errors]


# --- PostgreSQL -----------------------------------------------------------------------


@pytest.fixture(params=[False, True], ids=["", "pool"])
def connect(request, monkeypatch):
    """Sessions of this thread come from a pool, or do not."""
    connection.close()
    if request.param:
        monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", 0)
        options = {**connection.settings_dict["OPTIONS"], "pool": {"min_size": 1, "max_size": 2}}
        monkeypatch.setitem(connection.settings_dict, "OPTIONS", options)
    yield
    connection.close()
    connection.close_pool()


def _ended_before(cursor, moment):
    """End the sessions from before a moment; return them."""
    cursor.execute(
        "SELECT pid, pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
        " WHERE datname = current_database()"
        " AND pid <> pg_backend_pid() AND backend_start <= %s",
        moment,
    )
    return cursor.fetchall()


@pytest.fixture
def primary(connect):
    """The database of this session, which may be told to only read."""
    admin = connections.create_connection("default")
    options = {"options": "-c default_transaction_read_only=off"}
    admin.settings_dict = {**admin.settings_dict, "OPTIONS": options}
    name = connection.ops.quote_name(connection.settings_dict["NAME"])

    def only_reads():
        with admin.cursor() as cursor:
            cursor.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
            cursor.execute("SELECT clock_timestamp()")
            moment = cursor.fetchone()
            # A pool may be about to connect: none may be left that has begun before.
            wait_until(lambda: not _ended_before(cursor, moment))

    def writes():
        with admin.cursor() as cursor:
            cursor.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")

    yield SimpleNamespace(only_reads=only_reads, writes=writes)
    writes()
    admin.close()


@postgresql
@pytest.mark.parametrize("options", [{}, {"rescue": False}], ids=str)
def test_a_body_that_ended_meanwhile_has_run_once(primary, refusals, options):
    runs = []

    @declared(**options)
    def body(product):
        runs.append(True)
        primary.only_reads()
        return "done"

    def note():
        if "ReadOnlySqlTransaction" in causes(refusals):
            primary.writes()

    refusals.then = note
    row = work(body.delayed(Product.objects.create(name="pen")))
    assert "ReadOnlySqlTransaction" in causes(refusals)
    assert (row.get_result(), row.attempt, row.losses, runs) == ("done", 1, 0, [True])


@postgresql
def test_a_row_is_claimed_when_it_is_over(primary, refusals):
    row = declared(lambda product: "done").delayed(Product.objects.create(name="pen"))
    primary.only_reads()
    refusals.then = primary.writes
    assert work(row).get_result() == "done"


@postgresql
def test_a_keeper_goes_on_when_it_is_over(primary):
    def beats():
        return guarded(lambda: beat(identity.worker_id(), {"queues": []})) is not REFUSED

    primary.only_reads()
    for _ in range(3):  # by then no session is left from before
        assert not beats()
    primary.writes()
    wait_until(beats)


@postgresql
def test_a_consumer_goes_on_when_it_is_over(primary):
    beat(identity.worker_id(), {"queues": []})
    transport = Transport(SimpleNamespace(transport_options={}))

    def takes():
        with contextlib.suppress(Error):
            return Worker.objects.update(concurrency=1)
        transport._give_up()
        return 0

    primary.only_reads()
    for _ in range(3):
        assert not takes()
    primary.writes()
    wait_until(takes)


# --- MariaDB --------------------------------------------------------------------------


@pytest.fixture
def server(monkeypatch):
    """A server of our own in place of the session's, with one table."""
    try:
        server = MariadbServer()
    except Absent as reason:
        pytest.skip(str(reason))
    connection.close()
    place = {"PORT": server.port, "USER": USER, "NAME": DATABASE}
    with contextlib.closing(server.start()), monkeypatch.context() as moved:
        for name, value in place.items():
            moved.setitem(connection.settings_dict, name, value)
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE kept (x INT)")
        yield server
        connection.close()


@mariadb
def test_a_statement_waits_for_mariadb(server, refusals):
    def insert():
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO kept VALUES (1)")
        return "done"

    server.refuse_writes(True)
    refusals.then = lambda: server.refuse_writes(False)
    assert outages.patiently("default", insert, 60) == "done"
    assert [error.args[0] for error in refusals.errors] == [1290]
