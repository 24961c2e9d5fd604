"""Who dies in the midst of a verb leaves nothing half done that no keeper would find."""

import pytest

from boogie.apps.tasks import Batch, Task, batch
from boogie.apps.tasks.chains import watch
from tests.project.shop.models import Product
from tests.support.runs import declared, work

from .dying import dying

pytestmark = pytest.mark.django_db(transaction=True)

clean = declared(lambda product: 1 / product.stock)


@pytest.fixture
def pen():
    return Product.objects.create(name="pen", stock=0)


def of_a_row(rows):
    return rows[0].retry()


def of_a_batch(rows):
    return Batch.objects.get().retry()


def of_a_queryset(rows):
    return Task.objects.filter(pk=rows[0].pk).retry()


@pytest.mark.parametrize("retry", [of_a_row, of_a_batch, of_a_queryset])
@pytest.mark.parametrize("at", range(1, 8))
def test_a_retry_reopens_a_batch_or_nothing_is_queued(pen, retry, at):
    with batch(pen):
        row = clean.delayed(pen)
    assert work(row).is_failed
    with dying(at):
        retry([row])
    row.refresh_from_db()
    assert Batch.objects.get().is_ended is row.is_failed


@pytest.mark.parametrize("at", range(1, 8))
def test_a_retry_waits_anew_or_nothing_is_queued(pen, at):
    first = clean.delayed(pen)
    second = clean.using(after=first).delayed(pen)
    first.cancel()
    second.refresh_from_db()
    assert second.is_cancelled
    first.retry()
    with dying(at):
        second.retry()
    first.cancel()
    watch.Watch().look()
    second.refresh_from_db()
    assert second.is_cancelled
