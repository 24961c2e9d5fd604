"""Commands, answers and events on ``boogie://``: who hears what, and what is written for whom."""

import asyncio
import contextlib
import subprocess
import sys
import textwrap
import uuid

import celery
import pytest
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from kombu import Connection, Consumer, Exchange, Producer, Queue, pools
from kombu.common import Broadcast

from boogie.apps.tasks import Message, Worker, identity
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.keeper import heartbeat
from boogie.apps.tasks.keeper.purge import purge
from boogie.apps.tasks.models import Announcement, Listener
from boogie.apps.tasks.transport import hearing, saying, transport
from tests.project.shop.models import Product
from tests.support.judge import steady
from tests.support.processes import ROOT
from tests.support.rows import columns
from tests.support.runs import declared

pytestmark = pytest.mark.django_db(transaction=True)

ours = declared(lambda product: 1)


@pytest.fixture(autouse=True)
def _fresh(monkeypatch):
    """No test hears, or remembers, what another has begun."""
    hearing.hearing._forget_all()
    monkeypatch.setattr(saying, "audience", saying.Audience())
    monkeypatch.setattr("boogie.apps.tasks.transport.announcing.audience", saying.audience)
    yield
    pools.reset()  # apps share them
    hearing.hearing._forget_all()


@pytest.fixture
def line():
    with Connection("boogie://") as line:
        yield line


@pytest.fixture
def app():
    """An app whose broker it is, whichever the session has."""
    with celery.Celery("controlled", set_as_current=False, broker="boogie://") as app:
        yield app


def listener(queue, exchange="celery.pidbox", seconds=60.0, **fields):
    """Store a listener, as another process does."""
    return Listener.objects.create(
        queue=queue, exchange=exchange, keeps=300, expires=Moment(seconds), **fields
    )


def unread():
    """Return the queues in which something waits."""
    return sorted(Announcement.objects.values_list("queue", flat=True))


def mailbox(app, line, name="here@host"):
    """Return what the mailbox of a worker hears, and its node, in whose context it listens."""
    heard = []
    node = app.control.mailbox.Node(name, channel=line.channel())
    node.handlers = {"ping": lambda state, **arguments: heard.append(arguments) or {"ok": "pong"}}
    return heard, node


# --- commands -------------------------------------------------------------------------


def test_a_command_that_nobody_hears_is_written_nowhere(app):
    assert app.control.broadcast("ping") is None
    assert app.control.broadcast("ping", reply=True, timeout=0.01) == []
    assert unread() == []
    assert not Listener.objects.exists()


def test_a_command_is_written_once_for_each_worker_that_listens(app):
    listener("one.pidbox")
    listener("two.pidbox", seconds=-1)
    listener("three.pidbox")
    listener("three.pidbox", routing_key="again")
    listener("others.pidbox", exchange="other.pidbox")
    with CaptureQueriesContext(connection) as captured:
        app.control.broadcast("ping")
    assert unread() == ["one.pidbox", "three.pidbox"]
    assert len([q for q in captured.captured_queries if q["sql"].startswith("INSERT")]) == 1


def test_a_worker_that_was_killed_is_sent_nothing(app):
    steady("lives@host/1")
    listener("lives.pidbox", worker="lives@host/1")
    listener("died.pidbox", worker="died@host/1")
    app.control.broadcast("ping")
    assert unread() == ["lives.pidbox"]


def test_a_worker_hears_a_command_once_and_leaves_nothing(app, line):
    heard, node = mailbox(app, line)
    with node.listen():
        assert Listener.objects.get().queue == "here@host.celery.pidbox"
        app.control.broadcast("ping")
        assert unread() == ["here@host.celery.pidbox"]
        line.drain_events(timeout=5)
        with pytest.raises(TimeoutError):
            line.drain_events(timeout=0.01)
    assert heard == [{}]
    assert unread() == []
    line.release()
    assert not Listener.objects.exists()


def test_a_command_is_heard_before_a_message_that_was_sent_after_it(app, line, monkeypatch):
    monkeypatch.setattr(identity, "_worker_id", "here@host/1")
    steady("here@host/1")
    done = []
    _, node = mailbox(app, line)
    node.handlers["ping"] = lambda state: done.append("command")
    with (
        Consumer(line.channel(), [Queue("plain")], on_message=lambda _: done.append("message")),
        node.listen(),
    ):
        app.control.broadcast("ping")
        publish(line, {"task": "plain", "id": str(uuid.uuid4())})
        while len(done) < 2:
            line.drain_events(timeout=5)
    assert done == ["command", "message"]


def test_what_was_said_to_a_former_life_is_not_heard(app, line):
    Announcement.objects.create(queue="here@host.celery.pidbox", payload="{}", expires=Moment(60))
    _, node = mailbox(app, line)
    with node.listen():
        assert unread() == []


def test_what_was_said_while_a_mailbox_begins_anew_is_heard(app, line):
    heard, node = mailbox(app, line)
    consumer = node.listen()
    app.control.broadcast("ping")
    consumer.cancel()
    app.control.broadcast("ping")
    with node.listen():
        line.drain_events(timeout=5)
    assert heard == [{}, {}]


def test_what_has_waited_for_too_long_is_not_heard(app, line):
    heard, node = mailbox(app, line)
    with node.listen():
        app.control.broadcast("ping")
        Announcement.objects.update(expires=Moment(-1))
        with pytest.raises(TimeoutError):
            line.drain_events(timeout=0.01)
    assert heard == []
    assert unread() == []


def test_a_listener_that_was_taken_for_dead_is_there_again(app, line, monkeypatch):
    heard, node = mailbox(app, line)
    with node.listen():
        Listener.objects.all().delete()
        monkeypatch.setattr(hearing, "SAYS_SO_EVERY", -1)
        with pytest.raises(TimeoutError):
            line.drain_events(timeout=0.01)
        app.control.broadcast("ping")
        line.drain_events(timeout=5)
    assert heard == [{}]


def test_a_listener_that_was_lost_with_its_worker_is_there_again_with_it(app, line):
    """As a failover loses the rows of the last seconds."""
    heard, node = mailbox(app, line)
    heartbeat.beat("me@host/1", {"queues": []})
    with node.listen():
        with pytest.raises(TimeoutError):
            line.drain_events(timeout=0.01)
        Listener.objects.all().delete()
        Worker.objects.all().delete()
        heartbeat.beat("me@host/1", {"queues": []})
        line.transport._watch._next = 0
        with pytest.raises(TimeoutError):
            line.drain_events(timeout=0.01)
        app.control.broadcast("ping")
        line.drain_events(timeout=5)
    assert heard == [{}]


def test_a_listener_says_again_that_it_is_there(app, line, monkeypatch):
    _, node = mailbox(app, line)
    with node.listen():
        Listener.objects.update(expires=Moment(1))
        monkeypatch.setattr(hearing, "SAYS_SO_EVERY", -1)
        with pytest.raises(TimeoutError):
            line.drain_events(timeout=0.01)
        assert Listener.objects.filter(expires__gt=Moment(20)).count() == 1


def test_an_answer_finds_who_asked(app, line, monkeypatch):
    """The worker is another process for him who asks: it has ears of its own."""
    _, node = mailbox(app, line)
    asker, worker = hearing.hearing, hearing.Hearing()

    def as_worker(act):
        with monkeypatch.context() as patch:
            for room in ("announcing", "channel", "transport"):
                patch.setattr(f"boogie.apps.tasks.transport.{room}.hearing", worker)
            return act()

    as_worker(node.listen)
    original = transport.Transport.drain_events

    def drain(self, connection, timeout=None):
        if self is not line.transport and asker.ears(list(asker._ears)):
            with pytest.raises(TimeoutError):
                as_worker(lambda: [original(line.transport, connection, 0.01) for _ in range(2)])
        return original(self, connection, timeout)

    monkeypatch.setattr(transport.Transport, "drain_events", drain)
    assert app.control.ping(timeout=0.5) == [{"here@host": {"ok": "pong"}}]
    assert unread() == []
    assert [one.queue for one in Listener.objects.all()] == ["here@host.celery.pidbox"]


def test_answers_are_waited_for_until_all_have_read_the_command(app, monkeypatch):
    """A worker may look for commands once a second, which is the timeout of ``inspect``."""
    listener("slow.pidbox")
    waited = []
    original = saying.may_be_answered

    def may_be_answered(deadline):
        waited.append(original(deadline))
        if len(waited) == 3:
            Announcement.objects.all().delete()
        return waited[-1]

    monkeypatch.setattr(saying, "may_be_answered", may_be_answered)
    assert app.control.ping(timeout=0.01) == []
    assert waited[:4] == [True] * 4
    assert waited[-1] is False


@pytest.mark.skipif(connection.vendor == "sqlite", reason="one writer at a time")
def test_a_command_in_a_transaction_does_not_wait_for_its_end(app):
    listener("one.pidbox")
    with transaction.atomic():
        app.control.broadcast("ping")
        transaction.set_rollback(True)
    assert unread() == ["one.pidbox"]


def test_a_command_is_sent_and_answers_are_awaited_in_an_event_loop(app):
    """Flower sends some from the thread of its event loop."""
    listener("one.pidbox")

    async def ask():
        return app.control.broadcast("ping", reply=True, timeout=0.01, limit=1)

    def forget():
        Announcement.objects.all().delete()
        return connections.close_all()

    assert asyncio.run(ask()) == []
    assert unread() == ["one.pidbox"]
    forget()


def test_a_child_hears_nothing_that_is_said_to_its_parent():
    code = """
        import os, django
        django.setup()
        from boogie.apps.tasks.transport.hearing import Ear, hearing
        hearing._ears["q"] = {Ear("q", "celery.pidbox")}
        child = os.fork()
        if not child:
            os._exit("q" in hearing)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), "q" in hearing)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], cwd=ROOT, capture_output=True, text=True
    )
    assert done.stdout == "0 True\n", done.stderr


# --- events ---------------------------------------------------------------------------


def test_an_event_that_nobody_wants_is_written_nowhere_and_asked_for_once(app, line):
    with app.events.Dispatcher(line) as dispatcher:
        dispatcher.send("worker-online")
        with CaptureQueriesContext(connection) as captured:
            for _ in range(20):
                dispatcher.send("worker-heartbeat")
    assert captured.captured_queries == []
    assert unread() == []


@pytest.mark.parametrize("has_mailbox", [True, False])
def test_a_worker_learns_by_its_look_that_nobody_wants_events(app, line, monkeypatch, has_mailbox):
    """Also one that takes no commands (``worker_enable_remote_control = False``)."""
    monkeypatch.setattr(identity, "_worker_id", "here@host/1")
    _, node = mailbox(app, line)
    with contextlib.ExitStack() as stack:
        if has_mailbox:
            stack.enter_context(node.listen())
        stack.enter_context(Consumer(line.channel(), [Queue("plain")], on_message=print))
        with pytest.raises(TimeoutError):
            line.drain_events(timeout=0.01)
        dispatcher = stack.enter_context(app.events.Dispatcher(line))
        with CaptureQueriesContext(connection) as captured:
            dispatcher.send("worker-heartbeat")
        assert captured.captured_queries == []
        listener("celeryev.flower", exchange="celeryev", routing_key="#")
        line.transport._watch._next = 0
        with pytest.raises(TimeoutError):
            line.drain_events(timeout=0.01)
        dispatcher.send("worker-heartbeat")
        assert unread() == ["celeryev.flower"]


def test_an_event_goes_to_all_who_listen_for_its_kind(app, line):
    got = []
    receiver = app.events.Receiver(line, {"*": got.append}, routing_key="worker.#")
    listener("celeryev.flower", exchange="celeryev", routing_key="#")
    listener("celeryev.tasks", exchange="celeryev", routing_key="task.#")
    with receiver.consumer_context() as (own, *_), app.events.Dispatcher(line) as dispatcher:
        assert Listener.objects.get(queue=receiver.queue.name).keeps == app.conf.event_queue_ttl
        dispatcher.send("worker-heartbeat", freq=2)
        dispatcher.send("task-received", uuid="1")
        flower, tasks, mine = "celeryev.flower", "celeryev.tasks", receiver.queue.name
        assert unread() == sorted([flower, flower, tasks, mine])
        own.drain_events(timeout=5)
    assert [event["type"] for event in got] == ["worker-heartbeat"]


def test_events_are_a_statement_each_for_however_many_listen(app, line):
    for number in range(5):
        listener(f"celeryev.{number}", exchange="celeryev", routing_key="#")
    with app.events.Dispatcher(line) as dispatcher:
        dispatcher.send("worker-online")
        with CaptureQueriesContext(connection) as captured:
            dispatcher.send("worker-heartbeat")
    said = [query["sql"].split()[0] for query in captured.captured_queries]
    assert said.count("INSERT") == 1
    assert set(said) <= {"INSERT", "BEGIN", "COMMIT"}
    assert len(unread()) == 10


# --- what dead processes leave ----------------------------------------------------------


def test_the_keeper_deletes_what_has_expired(app, monkeypatch):
    monkeypatch.setattr("boogie.apps.tasks.current_app.celery_app", lambda: app)
    for seconds in (-1, 60):
        listener(f"{seconds}.pidbox", seconds=seconds)
        Announcement.objects.create(queue=f"{seconds}", payload="{}", expires=Moment(seconds))
    purge()
    assert [one.queue for one in Listener.objects.all()] == ["60.pidbox"]
    assert unread() == ["60"]


# --- tasks for all workers ----------------------------------------------------------------


def test_a_broadcast_queue_is_one_for_each_who_consumes_from_it(line):
    taken = []
    everyone = Exchange("everyone", type="fanout")
    with (
        Consumer(line.channel(), [Broadcast("everyone", unique=True)], on_message=taken.append),
        Consumer(line.channel(), [Broadcast("everyone", unique=True)], on_message=taken.append),
    ):
        Producer(line.channel()).publish({}, exchange=everyone, declare=[everyone])
        while len(taken) < 2:
            line.drain_events(timeout=5)
        taken.pop().reject(requeue=True)
        line.drain_events(timeout=5)
        for message in taken:
            message.ack()
    assert len(taken) == 2
    assert not Message.objects.exists()
    assert unread() == []


def test_a_queue_that_workers_share_is_one_whatever_its_exchange(line):
    """It outlives who consumes from it; its messages are for one of them."""
    shared = Queue("shared", Exchange("news", type="fanout"))
    Producer(line.channel()).publish({}, exchange="news", declare=[shared], delivery_mode=2)
    assert not Listener.objects.exists()


# --- messages of tasks ----------------------------------------------------------------


def publish(line, headers):
    line.SimpleQueue("plain").put([], headers=headers, serializer="json")


def test_a_message_that_names_one_of_ours_and_no_row_is_refused(line):
    """From a process that did not know the task when it made the message."""
    for key in (str(uuid.uuid4()), "no id"):
        with pytest.raises(TypeError, match=r"is a Boogie task: use delayed\(obj"):
            publish(line, {"task": ours.name, "id": key})
    assert not Message.objects.exists()


def test_a_doorbell_is_nothing_and_a_plain_message_is_stored(line):
    row = ours.delayed(Product.objects.create(name="pen"))
    before = columns(row)
    publish(line, {"task": ours.name, "id": str(row.pk)})
    assert columns(row) == before
    assert not Message.objects.exists()
    publish(line, {"task": "plain", "id": str(uuid.uuid4())})
    assert Message.objects.get().queue == "plain"


def test_the_mailbox_of_a_worker_is_notified_and_no_other(app, line, monkeypatch):
    monkeypatch.setattr(identity, "_worker_id", "here@host/1")
    _, node = mailbox(app, line)
    with node.listen(), app.events.Receiver(line, {}).consumer_context():
        found = dict(Listener.objects.values_list("exchange", "worker"))
    assert found == {"celery.pidbox": "here@host/1", "celeryev": ""}
