"""``set_autocommit(False)``: the project commits by itself, and Django tells nobody of it."""

import pytest
from django.db import connection, transaction

from boogie.apps.tasks import Task, current_app, task_finished, task_queued
from boogie.apps.tasks.broker import doorbell
from tests.project.shop.models import Product
from tests.support.runs import declared

pytestmark = pytest.mark.django_db(transaction=True)

plain = declared(lambda product: product.name)


@pytest.fixture
def rung(monkeypatch):
    """The rows that a broker was rung for."""
    rows = []
    monkeypatch.setattr(current_app, "needs_ringing", lambda *app: True)
    monkeypatch.setattr(doorbell, "ring", lambda given: rows.extend(given) or [])
    return rows


@pytest.fixture
def product():
    """An object; from here on the test commits by itself."""
    product = Product.objects.create(name="pen")
    plain.tasks(product).count()  # content types are cached
    transaction.set_autocommit(False)
    yield product
    transaction.rollback()
    transaction.set_autocommit(True)


@pytest.fixture
def heard():
    """The signals that were sent."""
    found = []

    def hear(signal, **extra):
        found.append(signal)

    for signal in (task_queued, task_finished):
        signal.connect(hear)
    yield found
    for signal in (task_queued, task_finished):
        signal.disconnect(hear)


def in_a_block(product):
    with transaction.atomic():
        return plain.delayed(product)


@pytest.mark.parametrize("make", [plain.delayed, in_a_block], ids=["bare", "in a block"])
def test_a_row_is_made_and_left_to_the_keeper(product, rung, heard, make):
    row = make(product)
    transaction.commit()
    assert row in Task.objects.due()
    transaction.rollback()
    transaction.set_autocommit(True)
    assert rung == []
    assert heard == []


def test_a_row_that_is_rolled_back_was_never_there(product, rung):
    plain.delayed(product)
    transaction.rollback()
    assert Task.objects.count() == 0


def test_verbs_calls_and_many_rows_work(product, rung, heard):
    rows = plain.each([product])
    assert rows.cancel() == rows.retry() == 1
    assert plain.paused(product).run()
    assert plain.call(product) == "pen"
    transaction.commit()
    assert Task.objects.queued().count() == 2
    assert heard == []


def test_in_an_ordinary_transaction_nothing_has_changed(rung, heard):
    product = Product.objects.create(name="pen")
    with transaction.atomic():
        row = plain.delayed(product)
        assert rung == heard == []
    assert rung == [row]
    assert heard == [task_queued]
    assert connection.get_autocommit()
