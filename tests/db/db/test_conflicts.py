"""Rows that could not be made, or taken, at once, because somebody else was faster."""

import pytest
from django.db import OperationalError, transaction

from boogie.apps.tasks import Task
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.db.reserve import Reservation
from boogie.apps.tasks.enqueue import many
from tests.project.shop.models import Product
from tests.support.conflicts import losing
from tests.support.rows import stored
from tests.support.runs import declared

pytestmark = pytest.mark.django_db(transaction=True)

look = declared(lambda product: None)


@pytest.fixture
def products():
    Product.objects.bulk_create([Product(name=f"{number}") for number in range(3)])
    return Product.objects.order_by("pk")


@pytest.fixture
def lost():
    """The statements that make rows, of which the first has lost."""
    with losing(("INSERT INTO `boogie_tasks_task`", 'INSERT INTO "boogie_tasks_task"')) as seen:
        yield seen


@pytest.mark.parametrize("make", [look.each, look.each.paused], ids=["queued", "paused"])
def test_rows_of_many_objects_are_made_all_the_same(products, lost, make):
    assert make(products).count() == 3
    assert len(lost) == 2


def test_so_is_one(products, lost):
    look.delayed(products[0])
    assert len(lost) == 2
    assert Task.objects.count() == 1


def test_not_within_a_transaction_of_which_nothing_is_left(products, lost):
    with pytest.raises(OperationalError), transaction.atomic():
        look.each(products)
    assert len(lost) == 1
    assert not Task.objects.exists()


def test_nor_where_objects_had_to_be_read_again(products, lost, monkeypatch):
    monkeypatch.setattr(many, "CHUNK", 3)
    with pytest.raises(OperationalError):
        look.each(iter(products))
    assert len(lost) == 1
    assert not Task.objects.exists()


def test_rows_are_taken_all_the_same():
    row = stored("queued", queue="q")
    due = Reservation(
        model=Task, queues=("q",), limit=5, fields=("priority",), changes=(("due", Moment(60)),)
    )
    with losing(("UPDATE",)) as lost:
        assert [taken.pk for taken in due.take("default")] == [row.pk]
    assert len(lost) == 2


def test_of_nobody_no_row_is_made():
    assert look.each([]).count() == 0
