"""In a transaction, such as a test's, those behind a row go on with it, and are rolled back so."""

import pytest
from django.db import transaction

from boogie.apps.tasks import Batch, batch
from boogie.apps.tasks.models import Dependency
from boogie.apps.tasks.testing import run_tasks
from tests.project.shop.models import Product
from tests.support.runs import declared, work

pytestmark = pytest.mark.django_db

pay = declared(lambda product: None)
pack = declared(lambda product: None)
careful = declared(lambda product: None, atomic=True)
report = declared(lambda product, done: None)


@pytest.fixture
def pen():
    return Product.objects.create(name="pen")


def state(row):
    row.refresh_from_db()
    return row.status, row.is_after, row.due is not None


def test_a_row_goes_on_at_once(pen):
    first, second = pay.delayed(pen), careful.delayed(pen)
    packed = pack.using(after=[first, second]).delayed(pen)
    work(first)
    assert state(packed) == ("queued", True, False)
    work(second)
    assert state(packed) == ("queued", False, True)
    assert work(packed).is_finished
    packed = pack.using(after=pay.delayed(pen)).delayed(pen)
    packed.needs[0].cancel()
    assert state(packed)[0] == "cancelled"


def test_what_is_rolled_back_lets_nobody_go_on(pen):
    first = pay.delayed(pen)
    packed = pack.using(after=first).delayed(pen)
    with transaction.atomic():
        work(first)
        assert state(packed) == ("queued", False, True)
        transaction.set_rollback(True)
    assert state(packed) == ("queued", True, False)
    assert Dependency.objects.get().state == 0
    assert run_tasks()["finished"] == 2
    assert state(packed)[0] == "finished"


def test_a_batch_ends_at_once(pen):
    with batch(pen, on_success=report) as month_end:
        rows = [pay.delayed(pen), careful.delayed(pen)]
    for row in rows:
        work(row)
    assert Batch.objects.get(pk=month_end.pk).status == "finished"
    assert report.tasks().count() == 1
    assert run_tasks()["finished"] == 1
    assert report.tasks().count() == 1
