"""On PostgreSQL a run's statements are prepared, unless the project or a pooler is against it."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from django.db import connection, connections

from boogie.apps.tasks import Task
from boogie.apps.tasks.db import postgresql
from boogie.apps.tasks.execution import start
from tests.project.shop.models import Label, Order, Product
from tests.support.runs import declared, ring
from tests.support.servers.ports import accepts, free_port
from tests.support.waiting import wait_until

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="PostgreSQL prepares"),
]

PGBOUNCER = shutil.which("pgbouncer", path=f"{os.environ['PATH']}{os.pathsep}/usr/sbin")

name = declared(lambda obj, *args, **kwargs: {"name": str(obj.pk), "args": args, **kwargs})


@pytest.fixture
def connect(monkeypatch):
    """Return a function that connects with ``OPTIONS`` besides the project's, and at a port."""
    settings = connection.settings_dict
    monkeypatch.setattr(postgresql, "_direct", {})

    def connect(port=settings["PORT"], **options):
        connection.close()
        monkeypatch.setitem(settings, "OPTIONS", {**settings["OPTIONS"], **options})
        monkeypatch.setitem(settings, "PORT", port)
        connection.ensure_connection()

    yield connect
    connection.close()


def kept():
    """Return the first words of what the server has prepared on this connection."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement FROM pg_prepared_statements")
        return sorted(text.split()[0] for (text,) in cursor.fetchall())


def run(obj, *args, **kwargs):
    row = name.delayed(obj, *args, **kwargs)
    ring(row.name, row.pk)
    row.refresh_from_db()
    return row


def run_often(obj, times=postgresql.PREPARE_AFTER + 2):
    for _ in range(times):
        row = run(obj, "é%s", force=None)
        assert row.get_result() == {"name": str(obj.pk), "args": ["é%s"], "force": None}


@pytest.mark.parametrize("options", [{}, {"prepare_threshold": 1}])
def test_what_every_run_needs_is_prepared(connect, options, monkeypatch):
    monkeypatch.setattr(start, "_kinds", {})
    connect(**options)
    run_often(Product.objects.create(name="pen"))
    assert kept() == ["INSERT", "UPDATE", "UPDATE"]


@pytest.mark.parametrize("options", [{}, {"prepare_threshold": 1}])
def test_the_object_that_is_not_read_with_the_claim_is_read_by_a_prepared_one(
    connect, options, monkeypatch
):
    monkeypatch.setattr(start, "_kinds", {})
    connect(**options)
    run_often(Label.objects.create(text="pen"))
    assert kept() == ["INSERT", "SELECT", "UPDATE", "UPDATE"]


@pytest.mark.parametrize("options", [{"prepare_threshold": None}, {"server_side_binding": True}])
def test_nothing_is_prepared_where_the_project_is_against_it(connect, options):
    connect(**options)
    run_often(Product.objects.create(name="pen"))
    assert kept() == []


@pytest.mark.parametrize("value", [None, 1])
def test_a_row_is_the_same_either_way(connect, value):
    connect(prepare_threshold=value)
    for obj in (Label.objects.create(text="it's %s"), Order.objects.create(note="n")):
        for _ in range(3):
            row = run(obj, 2**60, [1.0, None], when={"a": "ü"})
            assert row.is_finished, row.errors
            assert row.object == obj
            assert row.get_result()["args"] == [2**60, [1.0, None]]
            assert row.attempt == 1
            assert row.worker
            assert row.started <= row.ended
    assert Task.objects.count() == 6


def test_a_connection_that_was_lost_is_opened_anew(connect):
    connect()
    product = Product.objects.create(name="pen")
    run_often(product)
    connection.close()
    run_often(product)


@pytest.mark.parametrize(
    ("table", "change", "back"),
    [
        ("boogie_tasks_task", "ADD COLUMN added integer", "DROP COLUMN added"),
        ("boogie_tasks_task", "ALTER worker TYPE text", "ALTER worker TYPE varchar(255)"),
        ("shop_product", "ALTER name TYPE text", "ALTER name TYPE varchar(100)"),
    ],
)
def test_runs_go_on_while_a_migration_changes_a_table(connect, table, change, back):
    connect()
    product = Product.objects.create(name="pen")
    run_often(product)
    for alteration in (change, back):
        # By another process: psycopg itself forgets what it has prepared when it sees an ALTER.
        other = connections.create_connection("default")
        with contextlib.closing(other), other.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {table} {alteration}")
        run_often(product)


# --- a pooler -----------------------------------------------------------------------------


@pytest.fixture
def pooler():
    """Run PgBouncer, which gives each transaction whatever server process is free; its port."""
    settings = connection.settings_dict
    port = free_port()
    server = f"host={settings['HOST']} port={settings['PORT'] or 5432} user={settings['USER']}"
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        file = Path(directory) / "pgbouncer.ini"
        file.write_text(
            f"[databases]\n* = {server}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n"
            f"listen_port = {port}\nunix_socket_dir =\nauth_type = any\npool_mode = transaction\n"
        )
        user = ["-u", "postgres"] if os.geteuid() == 0 else []
        process = subprocess.Popen([PGBOUNCER, "-q", *user, str(file)])
        try:
            wait_until(lambda: accepts(port), 20)
            yield port
        finally:
            connection.close()
            process.terminate()
            process.wait(20)


@pytest.mark.skipif(PGBOUNCER is None, reason="PgBouncer is not installed")
def test_nothing_is_prepared_behind_a_pooler(connect, pooler):
    connect(port=pooler)
    assert not postgresql.may_prepare(connection)
    run_often(Product.objects.create(name="pen"))
    assert kept() == []


def test_a_server_that_is_asked_through_a_pooler_has_another_process(connect, monkeypatch):
    """The same without PgBouncer: the number that was told and the one that is there differ."""
    connect()
    monkeypatch.setattr(postgresql, "WHO", "SELECT pg_backend_pid() + 1")
    assert not postgresql.may_prepare(connection)
    run_often(Product.objects.create(name="pen"))
    assert kept() == []
