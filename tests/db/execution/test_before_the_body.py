"""A run that fails before its body fails for everybody who watches Celery's tasks."""

import pytest
from celery.signals import task_failure, task_postrun

from boogie.apps.tasks import ObjectGone, Task
from tests.project.celery import app
from tests.project.shop.models import Product
from tests.support.runs import declared, work

pytestmark = pytest.mark.django_db

body = declared(lambda product: product.name, autoretry_for=(Exception,), max_retries=3)


@pytest.fixture
def watched(monkeypatch):
    """What is seen by signals, and by who stands around the call as tracers of errors do."""
    app.finalize()
    seen = []
    call = type(body).__call__

    def around(self, *args, **kwargs):
        try:
            return call(self, *args, **kwargs)
        except Exception as error:
            seen.append(("around the call", type(error)))
            raise

    def failed(sender, exception, **extra):
        seen.append(("task_failure", type(exception)))

    def ended(sender, state, **extra):
        seen.append(("task_postrun", state))

    monkeypatch.setattr(type(body), "__call__", around)
    task_failure.connect(failed, sender=body)
    task_postrun.connect(ended, sender=body)
    yield seen
    task_failure.disconnect(failed, sender=body)
    task_postrun.disconnect(ended, sender=body)


def expected(error):
    return [("around the call", error), ("task_failure", error), ("task_postrun", "FAILURE")]


def test_of_an_object_that_is_gone(watched):
    product = Product.objects.create(name="pen")
    row = body.delayed(product)
    product.delete()
    assert work(row).is_failed
    assert row.attempt == 1
    assert watched == expected(ObjectGone)


def test_of_an_object_that_cannot_be_read(watched):
    row = body.delayed(Product.objects.create(name="pen"))
    Task.objects.filter(pk=row.pk).update(object_db="configured no more")
    assert work(row).is_failed
    assert row.attempt == 1
    (_, error), *_ = watched
    assert watched == expected(error)


def test_of_a_run_that_goes_on_nobody_is_told_of_a_failure(watched):
    assert work(body.delayed(Product.objects.create(name="pen"))).is_finished
    assert watched == [("task_postrun", "SUCCESS")]
