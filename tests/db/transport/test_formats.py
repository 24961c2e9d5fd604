"""Doorbells of ``boogie://`` travel in a format that the project's workers read."""

import pytest
from kombu import Connection, Consumer, Queue

from tests.project.shop.models import Product
from tests.support.runs import declared

pytestmark = pytest.mark.django_db(transaction=True)

count = declared(lambda product: 1, queue="formats")

FORMATS = [
    (["json"], "json", "application/json"),
    (["json", "pickle"], "pickle", "application/json"),
    (["json"], "pickle", "application/json"),
    (["pickle"], "pickle", "application/x-python-serialize"),
]


@pytest.mark.parametrize(("accepted", "used", "content_type"), FORMATS, ids=str)
def test_a_worker_reads_what_it_gets(settings, accepted, used, content_type):
    settings.CELERY_ACCEPT_CONTENT, settings.CELERY_TASK_SERIALIZER = accepted, used
    row = count.schedule(0, Product.objects.create(name="pen"))  # whatever the session's broker is
    taken = []
    with (
        Connection("boogie://") as line,
        Consumer(
            line.channel(), [Queue("formats")], on_message=taken.append, accept=accepted
        ) as consumer,
    ):
        consumer.channel.deliver(consumer.channel.look())
    (one,) = taken
    assert one.content_type == content_type
    assert list(one.decode())[:2] == [[], {}]
    assert one.headers["id"] == str(row.pk)
