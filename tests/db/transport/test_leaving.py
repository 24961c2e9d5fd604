"""A worker that is full leaves to others what has just come, where nobody is told of it."""

import pytest
from kombu import Consumer, Queue

from boogie.apps.tasks import Message, Task, identity
from boogie.apps.tasks.broker import requests
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.transport.appetite import YOUNG
from boogie.apps.tasks.transport.channel import NOTHING
from boogie.apps.tasks.transport.hand import Hand
from boogie.apps.tasks.transport.polling import Watch
from tests.db.transport.test_turns import PAYLOAD
from tests.support.rows import stored
from tests.support.statements import statements

pytestmark = pytest.mark.django_db(transaction=True)

#: Seconds since which something is old enough for everybody.
OLD = YOUNG + 60


@pytest.fixture
def full(monkeypatch):
    """Return a function that says whether nothing more can begin here; it cannot."""

    def be(whether):
        monkeypatch.setattr(requests, "is_full", lambda: whether)

    be(True)
    monkeypatch.setattr(requests, "_queues", lambda: ["q"])
    return be


@pytest.fixture
def taken(line):
    """What a consumer was given that may have four."""
    found = []
    with Consumer(line.channel(), [Queue("q")], on_message=found.append) as consumer:
        consumer.qos(prefetch_count=4)
        yield found


def put(kind, age=0.0, **fields):
    """Have a row or a message wait since ``age`` seconds ago; return its id."""
    if kind == "row":
        row = stored("queued", queue="q", **fields)
        Task.objects.filter(pk=row.pk).update(due=Moment(-age))
        return str(row.pk)
    Message.objects.create(queue="q", payload=PAYLOAD % "m", created=Moment(-age), **fields)
    return "m"


def look(line):
    line.transport._look_and_deliver()


@pytest.mark.parametrize("kind", ["row", "message"])
def test_what_has_just_come_is_left_until_something_can_begin(line, taken, full, kind):
    put(kind)
    look(line)
    line.transport._on_tick()
    assert taken == []
    full(False)
    line.transport._on_tick()
    assert len(taken) == 1


@pytest.mark.parametrize("kind", ["row", "message"])
def test_what_nobody_else_has_taken_for_a_while_is_taken_ahead(line, taken, full, kind):
    put(kind, age=OLD)
    look(line)
    assert len(taken) == 1


def test_what_is_old_is_taken_and_what_is_young_is_left_whichever_goes_first(line, taken, full):
    put("row", priority=9)
    put("message", priority=8)
    old = put("row", age=OLD)
    look(line)
    assert [message.headers["id"] for message in taken] == [old]
    look(line)
    assert len(taken) == 1


def test_who_left_something_asks_once_when_it_has_become_free(line, taken, full):
    look(line)
    full(False)
    with statements() as asked:
        for _ in range(5):
            line.transport._on_tick()
    assert len(asked) == 1


def test_who_left_something_asks_for_nothing_as_long_as_it_is_full(line, taken, full):
    put("row")
    look(line)
    with statements() as asked:
        for _ in range(5):
            line.transport._on_tick()
    assert asked == []


def test_who_is_told_takes_it_ahead_and_offers_it_to_others_who_are(line, taken, full, monkeypatch):
    monkeypatch.setattr(Watch, "hears", True)
    put("row")
    look(line)
    assert len(taken) == 1


def test_who_found_more_than_it_could_take_takes_ahead(line, taken, full):
    """There is something for others, too."""
    full(False)
    for _ in range(7):
        put("row")
    look(line)
    assert len(taken) == 4
    full(True)
    for message in taken[:2]:
        message.ack()
    line.transport._on_tick()
    assert len(taken) == 6


def test_without_an_event_loop_it_is_taken_as_soon_as_something_can_begin(
    line, taken, full, monkeypatch
):
    put("row")
    with pytest.raises(TimeoutError):
        line.drain_events(timeout=0.05)
    assert taken == []
    full(False)
    monkeypatch.setattr(Watch, "is_time", lambda self: False)
    line.drain_events(timeout=5)
    assert len(taken) == 1


def test_who_consumes_from_a_queue_of_its_own_waits_for_nobody(line, full, taken, monkeypatch):
    """A body that reads answers, say: no other worker would take them."""
    monkeypatch.setattr(requests, "_queues", lambda: ["other"])
    monkeypatch.setattr(identity, "has_greenlets", lambda: True)
    put("message")
    look(line)
    assert len(taken) == 1


def test_who_has_become_free_takes_what_it_left_however_little_room_there_is(line, taken, full):
    for _ in range(3):
        put("row", age=OLD)
    put("row")
    full(False)
    look(line)
    assert len(taken) == 4
    taken[0].ack()
    full(True)
    put("row")
    line.transport._appetite.hungry = NOTHING
    look(line)
    line.transport._on_tick()
    assert len(taken) == 4
    full(False)
    line.transport._on_tick()
    assert len(taken) == 5


def test_who_could_not_look_for_a_row_that_it_had_offered_leaves_what_has_come(
    line, taken, full, monkeypatch
):
    monkeypatch.setattr(Hand, "waits", True)
    put("row")
    look(line)
    monkeypatch.setattr(Hand, "waits", False)
    line.transport._on_tick()
    assert taken == []
    full(False)
    line.transport._on_tick()
    assert len(taken) == 1


def test_a_worker_of_greenlets_takes_nothing_ahead_that_it_could_not_offer(
    line, taken, full, monkeypatch
):
    """The next one blocks who consumes, until one of them ends."""
    monkeypatch.setattr(identity, "has_greenlets", lambda: True)
    put("row", age=OLD)
    look(line)
    line.transport._on_tick()
    assert taken == []
    full(False)
    line.transport._on_tick()
    assert len(taken) == 1
