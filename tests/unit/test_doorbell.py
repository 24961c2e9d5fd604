"""Ringing: what is published where, and what happens when nothing can be."""

import socket
import threading
from types import SimpleNamespace

import celery
import pytest
from django.test import override_settings

from boogie.apps.tasks import current_app
from boogie.apps.tasks.broker import connection, doorbell, quirks
from boogie.apps.tasks.broker.connection import BrokerPool, broker_pool
from boogie.apps.tasks.broker.message import Doorbells
from boogie.apps.tasks.db.ids import uuid7
from tests.support.queues import fresh_pool
from tests.support.servers.ports import free_port
from tests.support.waiting import wait_until


def bell(name="t", queue="", priority=0):
    return SimpleNamespace(pk=uuid7(), name=name, backend="", queue=queue, priority=priority)


@pytest.fixture
def app(monkeypatch):
    """A Celery app of this test, in use, on kombu's in-memory broker."""
    with celery.Celery("rung", set_as_current=False, broker="memory://") as app:
        app.conf.task_default_queue = f"bells-{uuid7()}"
        monkeypatch.setattr(current_app, "celery_app", lambda: app)
        fresh_pool(monkeypatch)
        yield app


def received(app, queue=None):
    """Take every message out of ``queue``."""
    with app.connection_for_read() as connection:
        box = connection.SimpleQueue(queue or app.conf.task_default_queue)
        messages = []
        while box.qsize():
            message = box.get(block=False)
            message.ack()
            messages.append(message)
        box.close()
    return messages


class Silent:
    """A port where connections arrive, are counted, and are closed without a word."""

    def __enter__(self):
        self.count = 0
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        self.thread = threading.Thread(target=self._accept)
        self.thread.start()
        return self

    def _accept(self):
        while True:
            try:
                client, _ = self.server.accept()
            except OSError:
                return
            if self.server.fileno() < 0 or self.closing:
                client.close()
                return
            self.count += 1
            client.close()

    closing = False

    def __exit__(self, *_):
        self.closing = True
        socket.create_connection(("127.0.0.1", self.port)).close()
        self.thread.join()
        self.server.close()


# --- what is published ----------------------------------------------------------------


def test_a_doorbell_carries_the_name_and_the_id_and_nothing_else(app):
    row = bell("blog.clean")
    assert doorbell.ring([row]) == []
    (message,) = received(app)
    assert message.headers["task"] == "blog.clean"
    assert message.headers["id"] == str(row.pk)
    assert message.headers["eta"] is None
    assert message.headers["expires"] is None
    args, kwargs, _ = message.payload
    assert (args, kwargs) == ([], {})


def test_a_row_with_a_queue_is_rung_there_and_one_without_where_task_routes_sends_its_name(app):
    own, routed = f"own-{uuid7()}", f"routed-{uuid7()}"
    app.conf.task_routes = {"shop.*": {"queue": routed}}
    rows = [bell("a"), bell("a", queue=own), bell("shop.b"), bell("shop.b", queue=own)]
    assert doorbell.ring(rows) == []
    assert [m.headers["task"] for m in received(app)] == ["a"]
    assert [m.headers["task"] for m in received(app, own)] == ["a", "shop.b"]
    assert [m.headers["task"] for m in received(app, routed)] == ["shop.b"]


@pytest.mark.parametrize("driver", ["amqp", "py-amqp", "memory", "sqs"])
def test_a_higher_priority_is_a_higher_number_on_most_brokers(driver):
    assert [quirks.broker_priority(p, driver) for p in range(10)] == list(range(10))


def test_redis_counts_priorities_the_other_way_from_that_of_plain_messages():
    assert [quirks.broker_priority(p, "redis") for p in range(10)] == list(range(0, -10, -1))
    assert [quirks.broker_priority(p, "redis", 5) for p in (4, 5, 6)] == [6, 5, 4]


def test_a_message_bears_the_priority_of_its_row(app):
    doorbell.ring([bell(priority=7)])
    (message,) = received(app)
    assert message.properties["priority"] == 7


def test_every_row_is_rung_once_in_the_order_given(app):
    rows = [bell() for _ in range(20)]
    assert doorbell.ring(iter(rows)) == []
    assert [m.headers["id"] for m in received(app)] == [str(row.pk) for row in rows]


def test_nothing_to_ring_connects_nowhere(app):
    app.conf.broker_url = "redis://127.0.0.1:1/0"
    assert doorbell.ring([]) == []
    assert not broker_pool.is_broken


# --- when there is something to ring at -------------------------------------------------


@pytest.mark.parametrize(
    ("url", "eager", "needed"),
    [
        ("boogie://", False, False),
        ("redis://127.0.0.1/0", False, True),
        ("amqp://127.0.0.1//", False, True),
        (None, False, True),
        ("redis://127.0.0.1/0", True, False),
        (["boogie://"], False, False),
    ],
)
def test_only_a_broker_that_is_no_table_needs_ringing(app, url, eager, needed):
    app.conf.broker_url = url
    app.conf.task_always_eager = eager
    assert current_app.needs_ringing() is needed


# --- the broker is away -----------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["redis", "amqp"])
def test_a_broker_that_refuses_gives_every_row_back_and_raises_nothing(app, scheme):
    app.conf.broker_url = f"{scheme}://127.0.0.1:{free_port()}/"
    rows = [bell(), bell()]
    assert doorbell.ring(rows) == rows
    assert broker_pool.is_broken


@pytest.mark.parametrize("scheme", ["redis", "amqp"])
def test_a_broker_that_hangs_up_is_tried_a_bounded_number_of_times_then_left_alone(app, scheme):
    with Silent() as broker:
        app.conf.broker_url = f"{scheme}://127.0.0.1:{broker.port}/"
        rows = [bell() for _ in range(50)]
        assert doorbell.ring(rows) == rows
        first = broker.count
        assert 1 <= first <= 4
        for _ in range(10):
            assert doorbell.ring(rows) == rows
        assert broker.count == first


@override_settings(BOOGIE_TASKS={"PUBLISH_PAUSE": 0.05})
def test_after_the_pause_the_broker_is_tried_again(app):
    with Silent() as broker:
        app.conf.broker_url = f"redis://127.0.0.1:{broker.port}/"
        doorbell.ring([bell()])
        first = broker.count
        wait_until(lambda: not broker_pool.is_broken)
        doorbell.ring([bell()])
        assert broker.count > first


@override_settings(BOOGIE_TASKS={"PUBLISH_PAUSE": 3600})
def test_while_the_line_is_broken_nothing_is_published_though_the_broker_is_back(app):
    row = bell()
    broker_pool.broke()
    assert doorbell.ring([row]) == [row]
    assert received(app) == []
    broker_pool.forget()
    assert doorbell.ring([row]) == []
    assert len(received(app)) == 1


def test_a_row_that_fails_in_the_middle_leaves_it_and_the_rest_unrung(app, monkeypatch):
    rows = [bell() for _ in range(5)]
    ring = Doorbells.ring

    def fail_at_the_third(bells, producer, name, task_id, *rest):
        if task_id == str(rows[2].pk):
            raise OSError("cut")
        ring(bells, producer, name, task_id, *rest)

    monkeypatch.setattr(Doorbells, "ring", fail_at_the_third)
    assert doorbell.ring(rows) == rows[2:]
    assert [m.headers["id"] for m in received(app)] == [str(row.pk) for row in rows[:2]]


def test_a_pool_without_a_free_connection_raises_nothing(app, monkeypatch):
    monkeypatch.setattr(connection, "POOL_SIZE", 1)
    row = bell()
    with (
        override_settings(BOOGIE_TASKS={"PUBLISH_TIMEOUT": 0.05}),
        broker_pool.connections(app).acquire(block=True),
    ):
        assert doorbell.ring([row]) == [row]


def test_a_changed_broker_url_is_rung_at_the_new_address(app):
    doorbell.ring([bell()])
    received(app)
    with Silent() as broker:
        app.conf.broker_url = f"redis://127.0.0.1:{broker.port}/"
        row = bell()
        assert doorbell.ring([row]) == [row]
        assert broker.count >= 1


def test_no_connection_to_the_broker_is_left_open_for_a_fork(monkeypatch):
    pool_of_ours = BrokerPool()
    app = celery.Celery("forking", broker="memory://", set_as_current=False)
    try:
        pool = pool_of_ours.connections(app)
        with pool.acquire() as connection:
            connection.connect()
        assert connection.connected
        pool_of_ours.close()
        assert not connection.connected
        assert pool_of_ours.connections(app) is not pool
    finally:
        pool_of_ours.close()
        app.close()
