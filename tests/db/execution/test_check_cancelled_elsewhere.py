"""``check_cancelled()`` in a transaction: whether it sees what others have committed."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from boogie.apps.tasks import Task, TaskCancelled, check_cancelled
from tests.project.shop.models import Product
from tests.support.runs import declared, work


@pytest.fixture
def product():
    return Product.objects.create(name="pen")


def rows():
    return Task.objects.running()


@pytest.fixture(params=["READ COMMITTED", "REPEATABLE READ"])
def _isolated(request, transactional_db, monkeypatch):
    """Connections with a level of isolation; the second takes a snapshot."""
    level = request.param.lower()
    if connection.vendor == "postgresql":
        from django.db.backends.postgresql.psycopg_any import IsolationLevel

        level = IsolationLevel[request.param.replace(" ", "_")]
    if connection.vendor != "sqlite":
        connection.close()
        monkeypatch.setitem(connection.settings_dict["OPTIONS"], "isolation_level", level)
    yield
    connection.close()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_always_asks", "_isolated")
@pytest.mark.parametrize("run", ["call", "worker"])
def test_an_atomic_body_sees_that_somebody_else_cancelled_its_row(run, product):
    if connection.vendor == "sqlite":
        pytest.skip("nobody else can write while a transaction is open")

    @declared(atomic=True)
    def body(product):
        Product.objects.filter(pk=product.pk).update(stock=5)  # the snapshot is taken
        check_cancelled()
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(_cancel_elsewhere).result() == 1
        check_cancelled()
        pytest.fail("it was not told")

    if run == "call":
        with pytest.raises(TaskCancelled):
            body.call(product)
    else:
        work(body.delayed(product))
    assert body.tasks().get().is_cancelled
    product.refresh_from_db()
    assert product.stock == 0


def _cancel_elsewhere():
    try:
        return rows().cancel()
    finally:
        connection.close()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_always_asks", "_isolated")
def test_a_call_in_a_transaction_of_the_caller_is_not_taken_for_cancelled(product):
    body = declared(lambda product: check_cancelled())
    with transaction.atomic():
        body.call(product)
    assert body.tasks().get().is_finished
