"""``boogie://`` goes on when the database does, whatever class of error it raised meanwhile."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import (
    DatabaseError,
    InterfaceError,
    InternalError,
    OperationalError,
    ProgrammingError,
    connection,
)
from django.utils import timezone
from kombu import Consumer, Queue

from boogie.apps.tasks import Message, identity
from boogie.apps.tasks.transport import channel, settling
from tests.support.rows import stored

pytestmark = pytest.mark.django_db(transaction=True)

ERRORS = [DatabaseError, InterfaceError, InternalError, OperationalError, ProgrammingError]


def send(line):
    line.SimpleQueue("q", no_ack=False).put({"plain": 1}, serializer="json", headers={"task": "x"})


class Hub:
    """Keeps what is to be called later."""

    def __init__(self):
        self.on_tick = set()
        self.later = []

    def call_later(self, seconds, callback):
        self.later.append(callback)
        return self

    def cancel(self):
        self.later.clear()


@pytest.mark.parametrize("error", [*ERRORS, ValueError], ids=lambda error: error.__name__)
def test_the_timer_goes_on_after(error, line, consumer, monkeypatch, caplog):
    def fail(self):
        raise error("no")

    monkeypatch.setattr(channel.Channel, "look", fail)
    monkeypatch.setattr(line.transport._watch, "is_time", lambda: True)
    monkeypatch.setattr(line.transport._watch, "listen", lambda *args: None)
    hub = Hub()
    line.transport.register_with_event_loop(line, hub)
    try:
        line.transport._beat()
        assert len(hub.later) == 1
    finally:
        line.transport.close_connection(None)
    assert "it tries again" in caplog.text


def refusing(error):
    def refuse(*args):
        raise error("away")

    return refuse


#: What is done with a message, and how many of it there are afterwards.
VERBS = {"ack": 0, "reject": 0, "requeue": 1}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_an_acknowledgement_that_fails_costs_no_place_and_is_made_up_for(
    error, verb, line, consumer
):
    taker, taken = consumer
    send(line)
    line.drain_events(timeout=5)
    with connection.execute_wrapper(refusing(error)):
        getattr(taken[0], verb)()
    assert taker.room == 1
    assert Message.objects.held().count() == 1
    taker.look()
    assert Message.objects.held().count() == 0
    assert Message.objects.free().count() == VERBS[verb]


def test_a_reserved_row_that_cannot_be_given_back_is_later(line):
    row = stored("queued", queue="q")
    with Consumer(line.channel(), [Queue("q")], on_message=lambda message: None) as consumer:
        consumer.qos(prefetch_count=1)
        line.drain_events(timeout=5)
        assert not row._itself().due().exists()
        with connection.execute_wrapper(refusing(OperationalError)):
            consumer.cancel()
    assert not row._itself().due().exists()
    consumer.channel.close()
    assert row._itself().due().exists()


def test_threads_that_acknowledge_at_the_same_time_do_so_once_each(line):
    for number in range(2):
        Message.objects.create(pk=number + 1, queue="q", payload="{}", created=timezone.now())
    has_begun, may_go = threading.Event(), threading.Event()

    def slow(execute, *args):
        has_begun.set()
        assert may_go.wait(60)
        return execute(*args)

    def acknowledge():
        try:
            with connection.execute_wrapper(slow):
                settling.settle(1, again=False)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(acknowledge)
        assert has_begun.wait(60)
        settling.settle(2, again=False)
        may_go.set()
        first.result(60)
    assert not Message.objects.exists()


def test_a_message_that_somebody_else_has_by_now_is_not_given_back(line, consumer):
    _, taken = consumer
    send(line)
    line.drain_events(timeout=5)
    Message.objects.update(worker="another@host/1")
    taken[0].requeue()
    assert Message.objects.get().worker == "another@host/1"
    assert identity.worker_id() != "another@host/1"


def test_queues_are_told_apart_by_every_character(line, consumer):
    if connection.vendor != "mysql":
        pytest.skip("other databases always did")
    taker, _ = consumer
    for name in ("Q", "q ", "\u1e9b"):
        Message.objects.create(queue=name, payload="{}", created="2020-01-01T00:00Z")
    assert taker.look() == frozenset()


def test_what_was_reserved_is_given_back_if_the_rest_cannot_be(line, monkeypatch):
    """A message that nobody was handed would be held as long as this worker lives."""
    stored("queued", queue="q")
    send(line)

    def refuse(*args):
        raise OperationalError("away")

    monkeypatch.setattr(channel.delivery, "reserve_rows", refuse)
    with Consumer(line.channel(), [Queue("q")], on_message=print) as consumer:
        consumer.qos(prefetch_count=4)
        for _ in range(4):  # the kinds are asked in any order
            with pytest.raises(OperationalError):
                consumer.channel.deliver(channel.KINDS)
            assert Message.objects.held().count() == 0
        assert consumer.channel.room == 4


def test_a_consumer_of_nothing_settles_by_another_connection(line, consumer):
    """It asks nothing else of the database by which it would notice that this one is broken."""
    taker, taken = consumer
    send(line)
    line.drain_events(timeout=5)
    with connection.execute_wrapper(refusing(OperationalError)):
        taken[0].ack()
    assert connection.connection is None
    taker.basic_cancel(next(iter(taker._consumers)))
    taker.look()
    assert not Message.objects.exists()
