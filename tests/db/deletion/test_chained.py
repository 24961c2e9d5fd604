"""Rows that go with their object, of which others are after them, and which are of batches."""

import pytest

from boogie.apps.tasks import Task, batch
from boogie.apps.tasks.lifecycle import transitions
from boogie.apps.tasks.models import Batch, Dependency, Wipe
from tests.project.shop.models import Order, Product
from tests.support.rows import claim
from tests.support.runs import declared, work

pytestmark = pytest.mark.django_db

NEVER = "boogie.apps.tasks.exceptions.NeverFinished"
ERROR = {"attempt": 3, "type": "ValueError", "message": "", "traceback": "", "worker": ""}


@declared(name="db.deletion.chained.goes", on_delete="cascade")
def goes(product: Product):
    return "ran"


@declared(name="db.deletion.chained.stops", on_delete="cancel")
def stops(product: Product):
    return "ran"


@declared(name="db.deletion.chained.then")
def then(order):
    return "ran"


@declared(name="db.deletion.chained.over")
def over(month_end):
    return "told"


@pytest.fixture
def product():
    return Product.objects.create(name="a")


@pytest.fixture
def order():
    return Order.objects.create()


def running(task, obj):
    """Have a queued row run, as another process would."""
    row = task.delayed(obj)
    assert claim(row)
    row.refresh_from_db()
    return row


def assert_given_up(*rows):
    for row in rows:
        row.refresh_from_db()
        assert row.is_cancelled
        assert row.errors[-1]["type"] == NEVER


def end(how, row):
    rows = Task.objects.all()
    ends = {
        "finish": lambda: transitions.finish(rows, row, "done"),
        "fail": lambda: transitions.fail(rows, row, ERROR),
        "retry": lambda: transitions.retry(rows, row, ERROR, row.created),
        "rescue": lambda: transitions.rescue(rows, row, ERROR, 1.0),
        "cancel_run": lambda: transitions.cancel_run(rows, row),
        "cancel": lambda: rows.filter(pk=row.pk).cancel(),
    }
    assert ends[how]() == 1


ways = pytest.mark.parametrize("how", ["finish", "fail", "retry", "rescue", "cancel_run", "cancel"])


# --- chains -----------------------------------------------------------------------------


@pytest.mark.parametrize("task", [goes, stops], ids=["cascade", "cancel"])
def test_those_after_a_row_that_waits_are_cancelled(task, product, order):
    first = task.delayed(product)
    second = then.using(after=first).delayed(order)
    third = then.using(after=second).delayed(order)

    product.delete()

    assert_given_up(second, third)


def test_of_those_after_some_that_have_finished_nobody_is_hindered(product, order):
    first = work(goes.delayed(product))
    second = then.using(after=first).delayed(order)

    product.delete()

    assert not Task.objects.filter(pk=first.pk).exists()
    assert work(second).is_finished


@ways
def test_those_after_a_row_that_runs_are_cancelled_once_that_is_gone(how, product, order):
    first = running(goes, product)
    second = then.using(after=first).delayed(order)
    third = then.using(after=second).paused(order)

    product.delete()
    assert Task.objects.get(pk=second.pk).is_queued
    end(how, first)

    assert not Task.objects.filter(pk=first.pk).exists()
    assert_given_up(second, third)
    assert not Wipe.objects.filter(pk__in=Task.objects.values("pk")).exists()


def test_a_row_that_is_after_others_takes_its_arrows_along(product, order):
    first = then.delayed(order)
    goes.using(after=first).delayed(product)

    product.delete()

    assert not Dependency.objects.exists()
    assert work(first).is_finished


# --- batches ----------------------------------------------------------------------------


@pytest.mark.parametrize("task", [goes, stops], ids=["cascade", "cancel"])
def test_a_batch_ends_with_its_last_row(task, product, order, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        with batch(title="Month end", on_end=over) as month_end:
            task.delayed(product)
            other = then.delayed(order)
        work(other)
        assert Batch.objects.get().ended is None

    with django_capture_on_commit_callbacks(execute=True):
        product.delete()

    month_end.refresh_from_db()
    assert month_end.status == "cancelled"
    assert Task.objects.named(over.name).count() == 1


@ways
def test_a_batch_ends_when_a_row_of_it_that_runs_is_gone(
    how, product, django_capture_on_commit_callbacks
):
    with (
        django_capture_on_commit_callbacks(execute=True),
        batch(title="Month end", on_end=over) as month_end,
    ):
        row = running(goes, product)

    with django_capture_on_commit_callbacks(execute=True):
        product.delete()
    assert Batch.objects.get().ended is None
    with django_capture_on_commit_callbacks(execute=True):
        end(how, row)

    month_end.refresh_from_db()
    assert month_end.status == "cancelled"
    assert Task.objects.named(over.name).count() == 1


# --- blanked ----------------------------------------------------------------------------


def test_those_after_a_row_that_is_blanked_when_it_finishes_go_on(
    product, order, django_capture_on_commit_callbacks
):
    first = running(goes, product)
    second = then.using(after=first).delayed(order)
    assert product.tasks.erase() == 1

    with django_capture_on_commit_callbacks(execute=True):
        end("finish", first)

    first.refresh_from_db()
    assert first.erased is not None
    assert work(second).is_finished
    assert second.needs == [first]


@pytest.mark.parametrize("how", ["cancel_run", "cancel"])
def test_those_after_one_that_is_blanked_when_it_is_cancelled_are_cancelled(how, product, order):
    first = running(goes, product)
    second = then.using(after=first).delayed(order)
    assert product.tasks.erase() == 1

    end(how, first)

    first.refresh_from_db()
    assert first.erased is not None
    assert_given_up(second)


def test_those_after_rows_that_are_erased_before_they_began_are_cancelled(product, order):
    first = goes.delayed(product)
    second = then.using(after=first).delayed(order)

    assert product.tasks.erase() == 1

    assert_given_up(second)


@pytest.mark.parametrize("how", ["finish", "fail", "cancel_run", "cancel"])
def test_a_batch_ends_with_a_row_that_is_blanked(how, product, django_capture_on_commit_callbacks):
    with (
        django_capture_on_commit_callbacks(execute=True),
        batch(title="Month end", on_end=over) as month_end,
    ):
        row = running(goes, product)
    product.tasks.erase()

    with django_capture_on_commit_callbacks(execute=True):
        end(how, row)

    month_end.refresh_from_db()
    outcome = {"finish": "finished", "fail": "failed"}.get(how, "cancelled")
    assert month_end.status == outcome
    assert Task.objects.get(pk=row.pk).erased is not None
