"""What a worker of ``boogie://`` asks of the database while there is nothing to do."""

import time

import pytest
from kombu import Connection

from boogie.apps.tasks import current_app, identity
from boogie.apps.tasks.broker import fleet
from boogie.apps.tasks.broker.reserved import event_exchange
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.keeper.thread import Keeper
from boogie.apps.tasks.models import Listener
from boogie.apps.tasks.transport import hearing, saying
from boogie.apps.tasks.transport.polling import Watch
from tests.support.statements import statements

pytestmark = pytest.mark.django_db(transaction=True)

ME = "me@host/1"
#: Looks of a second at the clock, seconds until it has settled, and seconds that are counted.
TICKS, WARM, COUNTED = 10, 60, 120


class Clock:
    """A clock that the test moves on."""

    now = 1000.0

    def monotonic(self):
        return self.now


class Hub:
    """An event loop in which time stands still: the test calls what is to be called later."""

    def __init__(self):
        self.on_tick = set()

    def call_later(self, seconds, callback):
        return self

    def cancel(self):
        pass

    def add_reader(self, descriptor, callback):
        pass

    def remove_reader(self, descriptor):
        pass


class Pool:
    def known(self):
        return set()


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", clock.monotonic)
    return clock


@pytest.fixture
def worker(monkeypatch, clock, line, consumer):
    """Have a worker live for some seconds: its keeper, its queue and its mailbox."""
    hearing.hearing._forget_all()
    monkeypatch.setattr(identity, "worker_id", lambda: ME)
    monkeypatch.setattr(identity, "is_worker", lambda: True)
    monkeypatch.setattr(current_app, "needs_ringing", lambda: False)  # whatever this session's is
    keeper = Keeper(ME, {"queues": ["q"], "concurrency": 1}, Pool())
    node = current_app.celery_app().control.mailbox.Node("me@host", channel=line.channel())
    node.listen()
    line.transport.register_with_event_loop(line, Hub())

    def live(seconds):
        for tick in range(seconds * TICKS):
            clock.now += 1 / TICKS
            line.transport._beat()
            if tick % TICKS == 0:
                keeper.tick()

    yield live
    line.transport.close_connection(None)
    hearing.hearing._forget_all()


def test_an_idle_worker_asks_less_than_two_statements_a_second(worker):
    worker(WARM)
    with statements() as asked:
        worker(COUNTED)
    looks = [sql for sql in asked if "boogie_tasks_announcement" in sql and "EXISTS" in sql]
    assert len(looks) >= COUNTED * 0.9  # it does look for rows, messages and commands meanwhile
    assert len(asked) <= COUNTED * 1.75


def test_who_looks_seldom_says_all_the_same_that_it_hears(worker, monkeypatch):
    """As one of many workers that share their looks."""
    worker(1)
    Listener.objects.update(expires=Moment(1))
    monkeypatch.setattr(Watch, "is_time", lambda self: False)
    worker(2 * WARM + 2)
    assert Listener.objects.filter(expires__gt=Moment(100)).count() == 1


def test_who_has_no_event_loop_says_as_well_that_it_hears(clock, monkeypatch, line, consumer):
    """As on greenlets: the mailbox has a connection of its own, and the other one looks."""
    hearing.hearing._forget_all()
    monkeypatch.setattr(identity, "worker_id", lambda: ME)
    monkeypatch.setattr(identity, "is_worker", lambda: True)
    with Connection("boogie://") as mailbox:
        control = current_app.celery_app().control
        control.mailbox.Node("me@host", channel=mailbox.channel()).listen()
        Listener.objects.update(expires=Moment(1))
        for _ in range(2 * WARM + 2):
            clock.now += 1
            for one in (line, mailbox):
                with pytest.raises(TimeoutError):
                    one.transport.drain_events(one, timeout=0)
        assert Listener.objects.filter(expires__gt=Moment(100)).count() == 1
    hearing.hearing._forget_all()


@pytest.mark.parametrize(("many", "asks"), [(1, 1), (200, 0)])
def test_an_event_of_one_of_many_asks_no_more_often_than_it_looks(
    clock, monkeypatch, django_assert_num_queries, many, asks
):
    known = fleet.Fleet()
    known.waiting = many
    monkeypatch.setattr(saying, "fleet", known)
    monkeypatch.setattr(hearing.hearing, "events_wanted", (False, clock.now - 20))
    audience = saying.Audience()
    with django_assert_num_queries(asks):
        for _ in range(10):
            assert audience.of(event_exchange()) == []
            clock.now += 0.2
