"""Deletions and erasures that meet what else happens to rows."""

import pytest
from django.db import connection, transaction

from boogie.apps.tasks import Task
from boogie.apps.tasks.execution import errors
from boogie.apps.tasks.lifecycle import transitions
from boogie.apps.tasks.lifecycle.wiping import BLANK, DELETE
from tests.project.shop.models import Order, Product
from tests.races.rivals import Rival, race, waits_for_us, while_uncommitted
from tests.support.rows import stored
from tests.support.runs import declared, ring
from tests.support.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = range(5)
SECRET = "anna@example.org"
ERROR = errors.entry("builtins.ValueError", SECRET, "", 3, "worker@there/1")


@declared(name="races.deleted.cancel", on_delete="cancel")
def cancel(order: Order):
    return "ran"


@declared(name="races.deleted.cascade", on_delete="cascade")
def cascade(order: Order):
    return "ran"


def rows():
    return Task.objects.all()


ENDS = {
    "finish": lambda row: transitions.finish(rows(), row, SECRET),
    "fail": lambda row: transitions.fail(rows(), row, ERROR),
    "cancel": lambda row: transitions.cancel_run(rows(), row, ERROR),
}
ends = pytest.mark.parametrize("end", ENDS.values(), ids=ENDS.keys())


def running(name, obj):
    return stored("running", obj, name=name, args=[SECRET])


# --- erasure ----------------------------------------------------------------------------


@ends
def test_a_run_that_ends_before_the_request_is_committed_is_blank(end):
    row = running("races.deleted.any", Product.objects.create(name="a"))

    erased, ended = while_uncommitted(row.object.tasks.erase, lambda: end(row))

    assert (erased, ended) == (1, 1)
    assert SECRET not in repr(rows().values().get())
    assert rows().ended().get().wipe == 0


@ends
def test_a_request_that_comes_before_the_end_is_committed_blanks_it(end):
    row = running("races.deleted.any", Product.objects.create(name="a"))

    ended, erased = while_uncommitted(lambda: end(row), row.object.tasks.erase)

    assert (ended, erased) == (1, 1)
    assert SECRET not in repr(rows().values().get())


def test_an_atomic_run_is_blank_though_its_snapshot_is_older_than_the_request():
    product = Product.objects.create(name="a")
    row = running("races.deleted.any", product)

    with transaction.atomic():
        assert rows().get().wipe == 0
        if connection.vendor == "sqlite":  # nobody else can write now
            product.tasks.erase()
        else:
            race(product.tasks.erase)
        assert ENDS["finish"](row) == 1

    assert SECRET not in repr(rows().values().get())


@ends
def test_both_at_one_moment(end):
    for _ in ROUNDS:
        product = Product.objects.create(name="a")
        row = running("races.deleted.any", product)
        ended, erased = race(lambda row=row: end(row), product.tasks.erase)
        assert (ended, erased) == (1, 1)
        assert SECRET not in repr(product.tasks.values().get())


# --- deletion ---------------------------------------------------------------------------


@ends
def test_a_run_that_ends_while_its_object_is_deleted_leaves_nothing(end):
    for _ in ROUNDS:
        order = Order.objects.create()
        row = running(cascade.name, order)
        ended, _deleted = race(lambda row=row: end(row), Order.objects.all().delete)
        assert ended == 1
        assert not rows().exists()


@pytest.mark.parametrize("task", [cancel, cascade], ids=["cancel", "cascade"])
def test_a_row_that_is_made_while_its_object_is_deleted_does_not_run(task):
    for _ in ROUNDS:
        order = Order.objects.create()
        same = Order.objects.get()
        race(lambda order=order: task.delayed(order), lambda same=same: same.delete())
        for row in rows().queued():
            ring(row.name, row.pk)
        assert not rows().exclude(status="cancelled").exists()
        rows().delete()


def test_a_claim_and_the_deletion_of_the_object_leave_nothing_that_waits():
    for _ in ROUNDS:
        order = Order.objects.create()
        row = cascade.delayed(order)
        race(lambda row=row: ring(row.name, row.pk), order.delete)
        assert not rows().exists()


def test_a_deletion_marks_what_it_cannot_take_along():
    order = Order.objects.create()
    running(cascade.name, order)

    with transaction.atomic():
        order.delete()
        assert rows().get().wipe == DELETE > BLANK
        transaction.set_rollback(True)

    assert rows().get().wipe == 0


@pytest.mark.parametrize("task", [cancel, cascade], ids=["cancel", "cascade"])
def test_an_object_that_is_another_when_it_would_be_deleted_keeps_its_rows(task):
    order = Order.objects.create(note="draft")
    row = task.delayed(order)
    same = Order.objects.filter(pk=order.pk)

    while_uncommitted(lambda: same.update(note="paid"), Order.objects.filter(note="draft").delete)

    assert same.exists()
    assert rows().get() == row
    assert rows().get().is_queued


def test_a_transaction_that_changes_the_object_and_ends_its_row_waits_for_no_deletion():
    order = Order.objects.create()
    row = running(cascade.name, order)

    with transaction.atomic():
        Order.objects.filter(pk=order.pk).update(note="changed")
        rival = Rival(Order.objects.all().delete)
        rival.start()
        wait_until(lambda: waits_for_us(rival), pause=0.2)
        assert ENDS["finish"](row) == 1
    assert rival.outcome()[0] == 1

    assert not rows().exists()
