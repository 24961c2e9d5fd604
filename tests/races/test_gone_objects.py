"""Rows whose object is deleted, or is to be forgotten, while somebody else moves them."""

import pytest

from boogie.apps.tasks import Task
from boogie.apps.tasks.execution import errors, start
from boogie.apps.tasks.lifecycle import transitions
from tests.project.shop.models import Product
from tests.races.rivals import race, while_uncommitted
from tests.support.rows import stored
from tests.support.runs import declared, work

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = range(10)
ERROR = errors.entry("builtins.ValueError", "no", "", 3, "worker@there/1")


@declared(name="races.gone.cancel", on_delete="cancel")
def cancelled(product: Product):
    return "done"


@declared(name="races.gone.cascade", on_delete="cascade")
def cascading(product: Product):
    return "done"


def only(row):
    return Task.objects.filter(pk=row.pk)


@pytest.fixture
def product():
    return Product.objects.create(name="pen")


ENDS = {
    "finish": lambda row: transitions.finish(only(row), row, "secret"),
    "fail": lambda row: transitions.fail(only(row), row, ERROR),
}
both_ends = pytest.mark.parametrize("end", ENDS.values(), ids=ENDS.keys())


# --- erasure ------------------------------------------------------------------------------


def erase(product):
    return Task.objects.for_object(product).erase()


@both_ends
@pytest.mark.parametrize("is_first", [True, False], ids=["it ends first", "it is marked first"])
def test_a_row_that_ends_while_it_is_erased_is_blank(product, end, is_first):
    row = stored("running", product, args=["secret"])
    both = [lambda: end(row), lambda: erase(product)]
    assert while_uncommitted(*(both if is_first else both[::-1])) == (1, 1)

    row.refresh_from_db()
    assert row.is_ended
    assert (row.args, row.result, row.errors) == ([], None, [])


def test_a_row_that_is_queued_again_while_it_is_erased_is_cancelled_and_blank(product):
    row = stored("failed", product, args=["secret"])
    assert while_uncommitted(lambda: row.retry(), lambda: erase(product)) == (True, 1)

    row.refresh_from_db()
    assert row.is_cancelled
    assert row.args == []


def test_a_row_that_is_claimed_while_it_is_erased_is_blank_in_the_end(product):
    for _ in ROUNDS:
        row = cancelled.delayed(product)
        run, number = race(
            lambda row=row: start.claim(str(row.pk), row.name), lambda: erase(product)
        )
        assert number == 1
        if run is not None:
            assert transitions.finish(only(row), run.row, "secret") == 1
        row.refresh_from_db()
        assert row.is_ended
        assert row.erased is not None


# --- deletion -----------------------------------------------------------------------------


@both_ends
@pytest.mark.parametrize("is_first", [True, False], ids=["it ends first", "it is deleted first"])
def test_a_row_that_ends_while_its_object_is_deleted_goes_along(product, end, is_first):
    row = stored("running", product, name=cascading.name)
    both = [lambda: end(row), product.delete]
    while_uncommitted(*(both if is_first else both[::-1]))

    assert not Task.objects.exists()


@pytest.mark.parametrize("task", [cancelled, cascading], ids=["cancel", "cascade"])
def test_a_claim_waits_for_the_deletion_and_gets_nothing(product, task):
    row = task.delayed(product)
    _, run = while_uncommitted(product.delete, lambda: start.claim(str(row.pk), row.name))

    assert run is None
    assert [row.status for row in Task.objects.all()] == ["cancelled"] * (task is cancelled)


@pytest.mark.parametrize("task", [cancelled, cascading], ids=["cancel", "cascade"])
def test_a_row_that_the_deletion_could_not_see_follows_when_it_is_to_run(product, task):
    row = None

    def make():
        nonlocal row
        row = task.delayed(product)

    key = product.pk
    while_uncommitted(make, Product.objects.filter(pk=key).delete)
    work(row) if Task.objects.filter(pk=row.pk).exists() else None

    assert [row.status for row in Task.objects.all()] == ["cancelled"] * (task is cancelled)
