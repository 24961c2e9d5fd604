"""When a worker of ``boogie://`` on PostgreSQL asks to be notified, and asks again."""

import pytest
from django.db import connection
from django.utils import timezone

from boogie.apps.tasks import Worker, identity
from boogie.apps.tasks.transport import polling

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


def test_between_two_looks_there_is_a_second_as_long_as_it_is_notified(clock, waiting):
    _, one = waiting
    clock.now += polling.SURE - 0.01
    assert not one.is_time()
    clock.now += 0.01
    assert one.is_time()
