"""In which order a broker gives rows and the messages of plain tasks that share a queue."""

from types import SimpleNamespace

import pytest
from celery import Celery
from kombu import Queue

from boogie.apps.tasks import current_app
from boogie.apps.tasks.broker import doorbell, inspect, quirks
from boogie.apps.tasks.db.ids import uuid7
from tests.project import services
from tests.support.queues import delete_queues, fresh_pool
from tests.support.waiting import wait_until

pytestmark = [
    pytest.mark.worker,
    pytest.mark.skipif(services.BROKER == "boogie", reason="tests/db/transport has its order"),
]

on_redis = pytest.mark.skipif(services.BROKER != "redis", reason="about Redis")
on_rabbitmq = pytest.mark.skipif(services.BROKER != "rabbitmq", reason="about RabbitMQ")


@pytest.fixture
def app(monkeypatch):
    """A Celery app of this test, in use, with a queue of its own at the session's broker."""
    name = f"order-{uuid7()}"
    with Celery("ordered", set_as_current=False, broker=services.broker_url()) as app:
        app.conf.task_default_queue = name
        app.conf.task_queue_max_priority = 9
        monkeypatch.setattr(current_app, "celery_app", lambda: app)
        fresh_pool(monkeypatch)
        yield app
        doorbell.broker_pool.forget()
    delete_queues(name)


def send(app, messages):
    """Ring for a row of each number, send a plain message for each ``None`` or ``(number,)``."""
    keys = [str(uuid7()) for _ in messages]
    with app.connection_for_write() as connection:
        for number, (key, message) in enumerate(zip(keys, messages, strict=True), 1):
            if isinstance(message, int):
                row = SimpleNamespace(pk=key, name="row", backend="", queue="", priority=message)
                assert doorbell.ring([row]) == []
            else:
                options = {"priority": message[0]} if message else {}
                app.send_task("plain", task_id=key, connection=connection, **options)
            # Two connections: what was sent later must not arrive sooner.
            wait_until(lambda: inspect.depth(app.conf.task_default_queue) == number)  # noqa: B023
    return keys


def order(app, *messages):
    """Send messages; return their places in the order in which a worker gets them."""
    sent = send(app, messages)
    quirks.hear_redis(app)
    with app.connection_for_read() as connection, connection.channel() as channel:
        queue = Queue(app.conf.task_default_queue)(channel)
        found = [queue.get(no_ack=True).headers["id"] for _ in sent]
        assert queue.get() is None
    return [sent.index(key) for key in found]


PLAIN = None


def test_a_row_of_ordinary_priority_takes_its_turn_among_plain_messages(app):
    assert order(app, PLAIN, 0, PLAIN, PLAIN, 0, PLAIN) == [0, 1, 2, 3, 4, 5]


def test_higher_rows_go_first_in_their_order(app):
    assert order(app, PLAIN, 0, 3, 6, 9, PLAIN, 9, 6, 3) == [4, 6, 3, 7, 2, 8, 0, 1, 5]


def test_the_ordinary_priority_is_the_default_of_the_project(app):
    app.conf.task_default_priority = 5
    assert order(app, (5,), 5, 0, 9, (5,), 5) == [3, 0, 1, 4, 5, 2]


@on_redis
def test_as_many_steps_as_the_project_wants(app):
    app.conf.broker_transport_options = {"priority_steps": list(range(10))}
    assert order(app, PLAIN, *range(10), PLAIN) == [*range(10, 1, -1), 0, 1, 11]


@on_redis
def test_plain_messages_keep_the_priorities_that_celery_gives_them(app):
    assert order(app, (9,), (3,), PLAIN, (0,), 1) == [4, 2, 3, 1, 0]


@on_rabbitmq
def test_a_queue_without_priorities_keeps_the_order_of_sending(app):
    app.conf.task_queue_max_priority = None
    assert order(app, PLAIN, 0, 9, PLAIN, 5, 0) == [0, 1, 2, 3, 4, 5]
