"""Rows that are erased while somebody else has them run."""

import pytest

from boogie.apps.tasks import Task
from boogie.apps.tasks.execution import start
from boogie.apps.tasks.lifecycle import transitions
from tests.project.shop.models import Product
from tests.races.rivals import race, while_uncommitted
from tests.support.rows import stored
from tests.support.runs import declared

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = range(10)


@declared(name="races.erased.nothing")
def nothing(product):
    return "done"


def only(row):
    return Task.objects.filter(pk=row.pk)


@pytest.fixture
def product():
    return Product.objects.create(name="pen")


def erase(product):
    return Task.objects.for_object(product).erase()


def test_a_row_that_is_queued_again_while_it_is_erased_is_cancelled_and_blank(product):
    row = stored("failed", product, args=["secret"])
    assert while_uncommitted(lambda: row.retry(), lambda: erase(product)) == (True, 1)

    row.refresh_from_db()
    assert row.is_cancelled
    assert row.args == []


def test_a_row_that_is_claimed_while_it_is_erased_is_blank_in_the_end(product):
    for _ in ROUNDS:
        row = nothing.delayed(product)
        run, number = race(
            lambda row=row: start.claim(str(row.pk), row.name), lambda: erase(product)
        )
        assert number == 1
        if run is not None:
            assert transitions.finish(only(row), run.row, "secret") == 1
        row.refresh_from_db()
        assert row.is_ended
        assert row.erased is not None
