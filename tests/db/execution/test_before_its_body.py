"""What a run meets between its claim and its body ends its row, whatever class the error has."""

import pytest
from django.db.models.signals import post_init

from boogie.apps.tasks import Task, task_started
from tests.project.shop.models import Product
from tests.support.runs import declared, work

pytestmark = pytest.mark.django_db(transaction=True)


class Stop(BaseException):
    """Like gevent's ``Timeout``."""


@pytest.fixture
def raising():
    """Have a signal's receiver raise; nobody listens afterwards."""
    connected = []

    def connect(signal, error, sender=None):
        def receive(**extra):
            raise error

        signal.connect(receive, sender=sender)
        connected.append((signal, receive, sender))

    yield connect
    for signal, receive, sender in connected:
        signal.disconnect(receive, sender=sender)


def ended(row, error):
    row.refresh_from_db()
    types = [entry["type"].rpartition(".")[2] for entry in row.errors]
    return (row.status, row.attempt, row.losses, types) == ("failed", 1, 0, [type(error).__name__])


@pytest.mark.parametrize("error", [Stop(), SystemExit(3), KeyboardInterrupt()], ids=repr)
def test_a_receiver_of_task_started_that_wants_to_end_the_process_fails_the_row(raising, error):
    body = declared(lambda product: "never")
    row = body.delayed(Product.objects.create(name="pen"))
    raising(task_started, error)
    with pytest.raises(type(error)):
        work(row)
    assert ended(row, error)


def test_a_receiver_of_task_started_that_ends_a_call_fails_its_row(raising):
    body = declared(lambda product: "never")
    product = Product.objects.create(name="pen")
    raising(task_started, error := Stop())
    with pytest.raises(Stop):
        body.call(product)
    assert ended(Task.objects.get(), error)


@pytest.mark.parametrize("error", [Stop(), SystemExit(3), ValueError("no")], ids=repr)
@pytest.mark.parametrize("earlier", [0, 1], ids=["first run", "second run"])
def test_an_object_whose_making_raises_fails_the_row(raising, error, earlier):
    body = declared(lambda product: "done")
    product = Product.objects.create(name="pen")
    for _ in range(earlier):
        assert work(body.delayed(product)).is_finished
    row = body.delayed(product)
    raising(post_init, error, sender=Product)
    try:
        work(row)
    except type(error):
        pass
    assert ended(row, error)
