"""What ``boogie://`` gives back is delivered again, and says so, as on every broker."""

import pytest
from kombu import Connection, Consumer, Queue

from boogie.apps.tasks import Message, current_app
from tests.support.judge import rescue_as_judge
from tests.support.rows import stored

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def line():
    current_app.celery_app()
    with Connection("boogie://") as line:
        line.SimpleQueue("q", no_ack=False).put({"plain": 1}, serializer="json", headers={})
        yield line


@pytest.fixture
def taken(line):
    """What a consumer was given: one message, for a start."""
    taken = []
    with Consumer(line.channel(), [Queue("q")], on_message=taken.append):
        line.drain_events(timeout=5)
        assert not taken[0].delivery_info["redelivered"]
        yield taken


def _dies(message):
    Message.objects.update(worker="another@host/1")
    rescue_as_judge()


WAYS = {
    "requeue": lambda message: message.requeue(),
    "recover": lambda message: message.channel.basic_recover(requeue=True),
    "its worker dies": _dies,
}


@pytest.mark.parametrize("way", WAYS)
def test_a_message_comes_again_after(way, line, taken):
    WAYS[way](taken[0])
    line.drain_events(timeout=5)
    assert len(taken) == 2
    assert taken[1].payload == {"plain": 1}
    assert taken[1].delivery_info["redelivered"]
    taken[1].ack()
    assert not Message.objects.exists()


def test_a_message_comes_to_another_consumer_when_the_first_has_closed(line):
    for redelivered in (False, True):
        with Connection("boogie://") as own, own.channel() as channel:
            message = Queue("q")(channel).get()
            assert message.delivery_info["redelivered"] is redelivered


@pytest.mark.parametrize("way", ["requeue", "recover"])
def test_a_row_is_offered_again_after(way, line, taken):
    taken.pop().ack()
    row = stored("queued", queue="q")
    line.drain_events(timeout=5)
    WAYS[way](taken[0])
    line.drain_events(timeout=5)
    assert [message.headers["id"] for message in taken] == [str(row.pk)] * 2
