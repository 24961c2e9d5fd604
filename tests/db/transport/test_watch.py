"""When a worker of ``boogie://`` on PostgreSQL asks to be notified, and asks again."""

import os
import socket

import pytest
from django.db import connection
from django.utils import timezone

from boogie.apps.tasks import Task, Worker, identity
from boogie.apps.tasks.broker import requests
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.transport import polling
from boogie.apps.tasks.transport.appetite import Appetite
from boogie.apps.tasks.transport.transport import Transport
from tests.support.waiting import wait_until

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor != "postgresql", reason="PostgreSQL notifies"),
]

ME = "me@host/1"


class Clock:
    """A clock that the test moves on."""

    now = 1000.0

    def monotonic(self):
        return self.now


class Hub:
    def add_reader(self, descriptor, callback):
        self.read = descriptor

    def remove_reader(self, descriptor):
        assert descriptor == self.read


class Quiet:
    """An event loop of which nothing is asked for."""

    def remove_reader(self, descriptor):
        pass

    def cancel(self):
        pass

    def call_later(self, seconds, callback):
        return self


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(polling.time, "monotonic", clock.monotonic)
    return clock


@pytest.fixture
def waiting(monkeypatch):
    """A worker that has asked to be notified."""
    monkeypatch.setattr(identity, "worker_id", lambda: ME)
    now = timezone.now()
    Worker.objects.create(pk=ME, pid=1, started=now, seen=now, steady=now)
    one, hub = polling.Watch(), Hub()
    one.listen(hub, lambda: None, busy=False)
    one.found(0)
    yield lambda busy=False: one.listen(hub, lambda: None, busy), one
    one.stop_listening(hub)


def test_a_worker_that_work_comes_to_all_the_time_goes_on_being_notified(clock, waiting):
    listen, one = waiting
    asked = 0
    for _ in range(600):  # for a minute, ten times a second
        clock.now += 0.1
        one.found(1)
        if one.is_time():
            Worker.objects.update(listening=None)
            listen()
            asked += 1
            assert Worker.objects.get().listening > timezone.now()
    assert 60 / polling.LISTEN_FOR <= asked <= 6


def test_a_busy_worker_is_not_notified_and_one_that_waits_again_is(clock, waiting):
    listen, one = waiting
    listen(busy=True)
    assert Worker.objects.get().listening is None
    one.found(5)
    clock.now += polling.FASTEST
    assert one.is_time()
    listen()
    assert Worker.objects.get().listening > timezone.now()


@pytest.mark.parametrize("is_full", [True, False])
def test_a_worker_that_waits_again_says_whether_it_has_room(clock, waiting, monkeypatch, is_full):
    """Not only its next heartbeat does."""
    listen, _ = waiting
    listen(busy=True)
    Worker.objects.update(has_room=is_full)
    monkeypatch.setattr(requests, "is_full", lambda: is_full)
    listen()
    assert Worker.objects.get().has_room is not is_full


def test_who_listens_no_more_is_not_chosen_any_more(clock, waiting):
    _, one = waiting
    one.stop_listening(Quiet())
    assert Worker.objects.get().listening is None


def test_a_busy_worker_that_is_told_all_the_same_says_so_again(clock, waiting, monkeypatch):
    """Its heartbeat had begun when it became busy, and ended afterwards."""
    listen, one = waiting
    listen(busy=True)
    Worker.objects.update(listening=Moment(30))
    transport = object.__new__(Transport)
    transport._hub, transport._appetite, transport._watch = Quiet(), Appetite(), one
    monkeypatch.setattr(Transport, "_open_channels", [])
    monkeypatch.setattr(one, "read_notifications", lambda hub: {Task._meta.db_table: True})
    monkeypatch.setattr(transport, "_timer", Quiet(), raising=False)
    transport._notified()
    assert Worker.objects.get().listening is None


def test_who_hears_nothing_leaves_it_to_nobody_else_to_look(clock, waiting, monkeypatch):
    """A pooler may take a LISTEN, and pass nothing on."""
    _, one = waiting
    monkeypatch.setattr(polling, "share", lambda workers: 50.0)
    one.found(0)
    assert one.pulse == polling.SURE
    clock.now += polling.SURE
    assert one.is_time()


@pytest.mark.django_db(transaction=True)
def test_who_hears_shares_the_looks(clock, waiting, monkeypatch):
    _, one = waiting
    monkeypatch.setattr(polling, "share", lambda workers: 50.0)
    monkeypatch.setattr(polling, "luck", lambda: 1.0)
    wait_until(lambda: one.read_notifications(Quiet()) == {} and one._hears, pause=0.001)
    one.found(0)
    clock.now += 49 * polling.SURE
    one._listening_since = clock.now  # as a heartbeat says
    assert not one.is_time()
    clock.now += polling.SURE
    assert one.is_time()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("becomes", ["busy", "alone", "deaf"])
def test_who_shares_the_looks_no_more_looks_soon(clock, waiting, monkeypatch, becomes):
    """However long it had been planned to wait."""
    _, one = waiting
    monkeypatch.setattr(polling, "share", lambda workers: 50.0)
    monkeypatch.setattr(polling, "luck", lambda: 1.0)
    wait_until(lambda: one.read_notifications(Quiet()) == {} and one._hears, pause=0.001)
    one.found(0)
    clock.now += 10
    one._listening_since = clock.now  # as a heartbeat says
    assert not one.is_time()
    if becomes == "busy":
        one.say_busy()
    elif becomes == "deaf":
        one.stop_listening(Quiet())
    else:
        monkeypatch.setattr(polling, "share", lambda workers: 1.0)
    assert one.is_time()


def test_whoever_is_gone_is_noticed_on_the_connection_that_listens(clock, waiting):
    """The system asks it, where nothing else would for hours."""
    _, one = waiting
    with socket.socket(fileno=os.dup(one._descriptor)) as line:
        assert line.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert line.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 10


def test_between_two_looks_there_is_a_second_as_long_as_it_is_notified(clock, waiting):
    _, one = waiting
    clock.now += polling.SURE - 0.01
    assert not one.is_time()
    clock.now += 0.01
    assert one.is_time()
