"""What a worker of ``boogie://`` has reserved, and nobody has begun yet."""

import pytest
from kombu import Consumer, Queue

from boogie.apps.tasks import Task
from boogie.apps.tasks.broker import requests
from boogie.apps.tasks.db.clock import Moment
from tests.support.rows import stored

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def taken(line):
    """What a consumer with four places has got."""
    got = []
    with Consumer(line.channel(), [Queue("q")], on_message=got.append) as consumer:
        consumer.qos(prefetch_count=4)
        yield got


def due_again(line, row):
    """The lease of a row that was reserved has run out."""
    Task.objects.filter(pk=row.pk).update(due=Moment(-1))
    line.transport._look_and_deliver()


def test_what_waits_here_is_not_delivered_anew_when_its_lease_is_over(line, taken):
    """As where Celery spreads out the starts of a task: it would take all places in time."""
    row, other = stored("queued", queue="q"), stored("paused", queue="q")
    line.transport._look_and_deliver()
    for _ in range(3):
        due_again(line, row)
    other.run()
    line.transport._look_and_deliver()
    assert [message.headers["id"] for message in taken] == [str(row.pk), str(other.pk)]


def test_a_row_that_was_queued_again_is_delivered_while_it_is_being_settled(
    line, taken, monkeypatch
):
    row = stored("queued", queue="q")
    line.transport._look_and_deliver()
    monkeypatch.setattr(requests, "begun", lambda: {str(row.pk)})
    due_again(line, row)
    assert [message.headers["id"] for message in taken] == [str(row.pk)] * 2
