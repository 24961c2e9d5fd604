"""How soon a worker of ``boogie://`` looks again, at whose event loop the test stands."""

import pytest

from boogie.apps.tasks.transport import channel, transport
from boogie.apps.tasks.transport.polling import FASTEST, Watch
from tests.support.rows import stored

pytestmark = pytest.mark.django_db(transaction=True)


class Hub:
    """An event loop that notes in how many seconds it is to come back."""

    def __init__(self):
        self.on_tick = set()
        self.planned = []

    def call_later(self, seconds, callback):
        self.planned.append(seconds)
        return self

    def cancel(self):
        """The test calls what is to be called, and when."""

    def remove_reader(self, descriptor):
        """There is nothing to read."""


@pytest.fixture
def asked(monkeypatch):
    """Whether the worker was busy each time that it was asked whether it waits."""
    found = []
    monkeypatch.setattr(Watch, "listen", lambda self, hub, callback, busy: found.append(busy))
    return found


@pytest.fixture
def hub(line, asked):
    hub = Hub()
    line.transport.register_with_event_loop(line, hub)
    yield hub
    line.transport.close_connection(None)


def ends(line, taken):
    """One task ends, and the event loop goes on."""
    taken[-1].ack()
    line.transport._on_tick()


def test_who_has_taken_all_and_is_not_told_of_more_looks_soon(line, consumer, hub, monkeypatch):
    """However long it had been planned to wait: it was told, and then had too much to listen."""
    stored("queued", queue="q")
    line.transport._beat()
    line.transport._appetite.hungry = channel.KINDS
    hub.planned.clear()
    ends(line, consumer[1])
    assert line.transport._appetite.hungry == channel.NOTHING
    assert len(hub.planned) == 1
    assert hub.planned[0] <= FASTEST


def test_who_is_told_of_more_looks_when_it_was_planned(line, consumer, hub, monkeypatch):
    stored("queued", queue="q")
    line.transport._beat()
    line.transport._appetite.hungry = channel.KINDS
    monkeypatch.setattr(Watch, "is_told", True)
    hub.planned.clear()
    ends(line, consumer[1])
    assert hub.planned == []


def test_whatever_is_raised_there_is_a_next_look(line, hub, monkeypatch):
    monkeypatch.setattr(transport, "leave_pools", lambda: 1 / 0)
    hub.planned.clear()
    with pytest.raises(ZeroDivisionError):
        line.transport._beat()
    assert len(hub.planned) == 1


def test_who_has_no_room_does_not_say_that_it_waits(line, consumer, hub, asked):
    """Nobody is told of a row who could not take it."""
    for _ in range(2):
        stored("queued", queue="q")
    line.transport._beat()
    line.transport._appetite.hungry = channel.NOTHING
    for _ in range(2):
        line.transport._watch._next = 0
        line.transport._beat()
    assert asked == [False, False, True]
    ends(line, consumer[1])
    ends(line, consumer[1])
    line.transport._watch._next = 0
    line.transport._beat()
    assert asked[-1] is False


def test_who_finds_more_than_it_can_take_tells_others_who_wait(
    line, consumer, hub, asked, monkeypatch
):
    """Of rows that become due by themselves nobody else tells them."""
    told = []
    monkeypatch.setattr(Watch, "is_told", True)
    monkeypatch.setattr(Watch, "pass_on", lambda self, tables, queues: told.append(queues))
    line.transport._beat()
    assert told == []
    stored("queued", queue="q")
    line.transport._watch._next = 0
    line.transport._beat()
    assert told == [["q"]]
    assert asked == [False, False, True]
