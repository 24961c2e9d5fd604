"""A run that loses its database leaves nothing behind, and its row is rescued."""

from types import SimpleNamespace

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.db import InterfaceError, OperationalError, connection, transaction

from boogie.apps.tasks import Task, task_retried
from boogie.apps.tasks.execution import perform, start
from boogie.apps.tasks.lifecycle import transitions
from tests.project.shop.models import Product
from tests.support.runs import declared, now_due, work

pytestmark = pytest.mark.django_db(transaction=True)

GONE = OperationalError("server closed the connection unexpectedly")

errors = pytest.mark.parametrize("error", [GONE, InterfaceError("connection already closed")])


@pytest.fixture
def product(db):
    return Product.objects.create(name="pen", stock=0)


@pytest.fixture
def away(monkeypatch):
    """A function that has a place raise an error, once or for ever."""

    def install(owner, name, error, for_ever=False):
        original = getattr(owner, name)
        hits = []

        def raising(*args, **kwargs):
            if hits and not for_ever:
                return original(*args, **kwargs)
            hits.append(args)
            raise error

        monkeypatch.setattr(owner, name, raising)

    return install


def sell(product):
    product.stock = Product.objects.get(pk=product.pk).stock + 1
    product.save()


atomic = declared(sell, atomic=True, name="db.lost.atomic")
fragile = declared(sell, atomic=True, rescue=False, name="db.lost.fragile")
loose = declared(sell, name="db.lost.loose")


def stock(product):
    return Product.objects.get(pk=product.pk).stock


@errors
def test_an_atomic_run_that_cannot_settle_is_undone_and_runs_again(product, away, error):
    away(transitions, "finish", error)
    row = work(atomic.delayed(product))
    assert (row.status, row.attempt, row.losses, row.retries) == ("queued", 1, 1, 0)
    assert row.errors[0]["message"] == str(error)
    assert stock(product) == 0
    row = work(row)
    assert (row.status, row.attempt, row.losses) == ("finished", 2, 1)
    assert stock(product) == 1


def test_an_atomic_run_whose_commit_fails_is_undone_and_runs_again(product, away):
    away(connection, "_commit", GONE)
    row = work(atomic.delayed(product))
    assert (row.status, row.losses, stock(product)) == ("queued", 1, 0)
    assert work(row).is_finished
    assert stock(product) == 1


def test_an_atomic_run_that_cannot_begin_its_transaction_runs_again(product, away, monkeypatch):
    begins = SimpleNamespace(atomic=transaction.atomic)
    monkeypatch.setattr(perform, "transaction", begins)
    away(begins, "atomic", GONE)
    row = work(atomic.delayed(product))
    assert (row.status, row.losses, stock(product)) == ("queued", 1, 0)
    assert work(row).is_finished


@pytest.mark.parametrize("body", [atomic, loose])
def test_a_run_whose_object_cannot_be_read_meanwhile_runs_again(product, away, body):
    away(Task, "get_object", GONE)
    row = work(body.delayed(product))
    assert (row.status, row.losses, stock(product)) == ("queued", 1, 0)
    assert work(row).is_finished
    assert stock(product) == 1


def test_a_rescue_is_announced(product, away):
    heard = []

    def hear(task, **extra):
        heard.append(task.pk)

    task_retried.connect(hear)
    try:
        away(transitions, "finish", GONE)
        row = work(atomic.delayed(product))
    finally:
        task_retried.disconnect(hear)
    assert heard == [row.pk]


def test_after_max_losses_the_row_fails_with_the_error_of_the_database(product, away):
    away(transitions, "finish", GONE, for_ever=True)
    row = atomic.delayed(product)
    while work(now_due(row)).is_queued:
        pass
    assert (row.status, row.attempt, row.losses) == ("failed", 4, 3)
    assert row.error == f"OperationalError: {GONE}"
    assert stock(product) == 0


def test_a_task_that_must_not_be_started_again_fails(product, away):
    away(transitions, "finish", GONE)
    row = work(fragile.delayed(product))
    assert (row.status, row.attempt, stock(product)) == ("failed", 1, 0)


def test_a_body_that_raises_such_an_error_itself_fails(product):
    @declared(atomic=True)
    def body(product):
        raise GONE

    row = work(body.delayed(product))
    assert (row.status, row.attempt, row.losses) == ("failed", 1, 0)


def test_call_raises_the_error_of_the_database(product, away):
    away(transitions, "finish", GONE)
    with pytest.raises(OperationalError):
        atomic.call(product)
    row = Task.objects.get()
    assert (row.status, row.attempt, stock(product)) == ("failed", 1, 0)


@pytest.mark.parametrize("task", [loose, atomic], ids=["loose", "atomic"])
def test_a_soft_time_limit_that_strikes_in_the_claim_is_that_of_the_run(product, away, task):
    """It strikes once: a body that began after it would have none."""
    away(start, "claim_both", SoftTimeLimitExceeded(1))
    row = work(task.delayed(product))
    assert (row.status, row.attempt, stock(product)) == ("failed", 1, 0)
    assert row.error.startswith("SoftTimeLimitExceeded")
