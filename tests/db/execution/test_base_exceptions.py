"""A body that raises what is no ``Exception`` fails its row at once, with that error."""

import asyncio

import pytest
from celery.exceptions import WorkerShutdown, WorkerTerminate

from boogie.apps.tasks import Task
from tests.project.shop.models import Product
from tests.support.runs import declared, work

pytestmark = pytest.mark.django_db(transaction=True)


class Timeout(BaseException):
    """Like gevent's."""


class GreenletExit(BaseException):
    """Like greenlet's."""


RAISED = [
    asyncio.CancelledError("cancelled"),
    GeneratorExit("closed"),
    BaseExceptionGroup("many", [KeyboardInterrupt()]),
    Timeout("too long"),
    SystemExit(3),
    KeyboardInterrupt("stop"),
]


@pytest.mark.parametrize("error", RAISED, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("atomic", [False, True], ids=["loose", "atomic"])
def test_it_fails_the_row_at_attempt_1_with_its_type_and_traceback(error, atomic):
    @declared(atomic=atomic)
    def leave(product):
        raise error

    row = leave.delayed(Product.objects.create(name="pen"))
    with pytest.raises(type(error)):
        work(row)
    row.refresh_from_db()
    assert (row.status, row.attempt, row.losses) == ("failed", 1, 0)
    (entry,) = row.errors
    assert entry["type"].endswith(type(error).__qualname__)
    assert "raise error" in entry["traceback"]


@pytest.mark.parametrize("error", [GreenletExit(), WorkerShutdown(0), WorkerTerminate(1)], ids=repr)
def test_the_end_of_a_pool_or_a_worker_is_no_error_of_the_body(error):
    @declared
    def interrupted(product):
        raise error

    row = interrupted.delayed(Product.objects.create(name="pen"))
    with pytest.raises(type(error)):
        work(row)
    assert Task.objects.get(pk=row.pk).is_running  # for the keeper to rescue
