"""On PostgreSQL a run's statements are prepared where the project allows it, and only there."""

import pytest
from django.db import connection, connections

from boogie.apps.tasks import Task, prebuilt
from tests.helpers import declared, ring
from tests.project.shop.models import Label, Order, Product

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="PostgreSQL prepares"),
]

name = declared(lambda obj, *args, **kwargs: {"name": str(obj.pk), "args": args, **kwargs})


@pytest.fixture
def threshold(monkeypatch):
    """Reconnect with a ``prepare_threshold``, or with none."""
    options = connection.settings_dict["OPTIONS"]

    def reconnect(value):
        connection.close()
        monkeypatch.setitem(options, "prepare_threshold", value)
        connections["default"].ensure_connection()

    yield reconnect
    connection.close()


def prepared():
    """Return the first words of what the server has prepared on this connection."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement FROM pg_prepared_statements")
        return sorted(text.split()[0] for (text,) in cursor.fetchall())


def run(obj, *args, **kwargs):
    row = name.delayed(obj, *args, **kwargs)
    ring(row.name, row.pk)
    row.refresh_from_db()
    return row


def test_what_a_row_costs_is_prepared(threshold):
    threshold(1)
    products = [Product.objects.create(name="pen") for _ in range(3)]
    for product in products:
        row = run(product, "é%s", force=None)
        assert row.get_result() == {"name": str(product.pk), "args": ["é%s"], "force": None}
    assert prepared() == ["INSERT", "SELECT", "UPDATE", "UPDATE"]


@pytest.mark.parametrize("value", [None, 1])
def test_a_row_is_the_same_either_way(threshold, value):
    threshold(value)
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


def test_nothing_is_prepared_unless_the_project_says_so(threshold):
    threshold(None)
    product = Product.objects.create(name="pen")
    for _ in range(8):
        assert run(product).is_finished
    assert prepared() == []
    assert not prebuilt.may_prepare(connection)


def test_a_connection_that_was_lost_is_opened_anew(threshold):
    threshold(1)
    product = Product.objects.create(name="pen")
    for _ in range(3):
        run(product)
    connection.close()
    assert run(product).is_finished


def test_a_run_goes_on_after_the_table_has_changed(threshold):
    threshold(1)
    product = Product.objects.create(name="pen")
    for _ in range(3):
        run(product)
    table = connection.ops.quote_name(Task._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} ADD COLUMN added integer")
    try:
        assert run(product).is_finished
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {table} DROP COLUMN added")
    assert run(product).is_finished
