"""Many idle workers share their looks, and cost the database no more than a few."""

import itertools
import math
import random
from collections import Counter

import pytest
from django.db import connection

from boogie.apps.tasks import Worker, current_app
from boogie.apps.tasks.broker import fleet, requests
from boogie.apps.tasks.conf import conf
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.keeper import heartbeat, looks, signs, step, thread
from boogie.apps.tasks.limiting import watch
from boogie.apps.tasks.transport import polling
from tests.support.judge import steady
from tests.support.moved_clock import Clock

pytestmark = pytest.mark.django_db

#: Statements a second of all workers together, and how many workers there are.
BUDGET, MANY = 60, 200


@pytest.fixture(autouse=True)
def known(monkeypatch):
    """What this process knows of others, which it forgets afterwards."""
    found = fleet.Fleet()
    for module in (fleet, heartbeat, looks, thread, polling):
        monkeypatch.setattr(module, "fleet", found)
    return found


def beat(number, *queues):
    heartbeat.beat(f"worker@host/{number}", {"queues": list(queues)})


# --- how many there are -----------------------------------------------------------------


def test_a_heartbeat_tells_how_many_live_that_have_the_same_queues(known, monkeypatch):
    monkeypatch.setattr(heartbeat, "LEARN_EVERY", -1)
    for number in range(3):
        beat(number, "mail", "slow")
    beat(3, "mail")
    Worker.objects.filter(pk="worker@host/1").update(listening=Moment(30))
    beat(0, "mail", "slow")
    assert (known.alike, known.with_room, known.waiting) == (3, 3, 1)
    Worker.objects.filter(pk="worker@host/1").update(has_room=False)
    beat(0, "mail", "slow")
    assert (known.alike, known.with_room, known.waiting) == (3, 2, 0)
    Worker.objects.filter(pk="worker@host/1").update(seen=Moment(-3600))
    beat(0, "mail", "slow")
    assert (known.alike, known.waiting) == (2, 0)
    beat(3, "mail")
    assert (known.alike, known.waiting) == (1, 0)


@pytest.mark.parametrize(("silent", "counts"), [(0.5, True), (1.5, False)])
def test_nothing_is_left_to_who_was_late_with_its_heartbeat(known, monkeypatch, silent, counts):
    """Long before it is taken for dead: those who may be alone do not wait for it."""
    monkeypatch.setattr(heartbeat, "LEARN_EVERY", -1)
    beat(0, "mail")
    beat(1, "mail")
    late = silent * signs.longest_gap()
    assert late < conf.WORKER_TIMEOUT
    Worker.objects.filter(pk="worker@host/1").update(seen=Moment(-late))
    beat(0, "mail")
    assert known.alike == 1 + counts


def test_to_learn_that_costs_one_statement_at_most(known, django_assert_num_queries):
    beat(0, "mail")
    known._noted = -math.inf
    learns = connection.vendor == "mysql"
    with django_assert_num_queries(1 + learns):
        beat(0, "mail")
    with django_assert_num_queries(1):
        beat(0, "mail")


def test_a_heartbeat_says_that_its_worker_waits_as_long_as_it_does(known):
    beat(0, "mail")
    mine = Worker.objects.filter(pk="worker@host/0")
    beat(0, "mail")
    assert mine.get().listening is None
    known.listens = True
    beat(0, "mail")
    assert mine.filter(listening__gt=Moment(20)).exists()
    assert known.told > 0 or connection.vendor == "mysql"


# --- how often one looks ----------------------------------------------------------------


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    for module in (step, thread, fleet):
        monkeypatch.setattr(module, "time", clock)
    return clock


def times(clock, one, share, seconds=1000):
    """Return how often a step is done in so many seconds, a tenth of one after the other."""
    done = []
    one.do = lambda: done.append(clock.now)
    for _ in range(seconds * 10):
        one.look(share)
        clock.now += 0.1
    return len(done)


@pytest.mark.parametrize(
    ("share", "at_most", "fewest", "most"),
    [(1, 3600, 900, 1001), (50, 3600, 3, 50), (50, 20, 20, 100), (50, 0, 900, 1001)],
)
def test_a_step_is_done_less_often_up_to_a_bound(clock, share, at_most, fewest, most):
    one = step.Step(None, every=lambda: 1.0, at_most=at_most)
    assert fewest <= times(clock, one, share) <= most


def test_what_was_not_all_is_gone_on_with_at_once(clock):
    done = []
    one = step.Step(lambda: done.append(1), lambda: 1.0, lambda result: len(done) < 5, 3600)
    for _ in range(10):
        one.look(50)
    assert len(done) == 5


@pytest.mark.parametrize("share", [1, 50])
def test_what_is_to_be_done_once_is_done_once(clock, share):
    assert times(clock, step.Step(None, every=lambda: math.inf), share) == 1


class Pauses:
    """In place of the event that ends a thread: it notes when that thread goes on."""

    def __init__(self, clock, number):
        self.clock, self.left, self.times = clock, number, []

    def is_set(self):
        self.times.append(self.clock.now)
        return len(self.times) > self.left

    def wait(self, seconds):
        self.clock.now += seconds
        return False


@pytest.fixture
def pauses(known, monkeypatch):
    """Return how long the looks at limits wait of one among so many workers."""
    clock = Clock()
    monkeypatch.setattr(looks, "time", clock)

    def waited(alike, number):
        known.note(alike, alike, 0)
        stopped = Pauses(clock, number)
        looks.keep_limits(stopped)
        return [after - before for before, after in itertools.pairwise(stopped.times)]

    return waited


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("alike", "fewest", "most"), [(1, 1, 1), (4, 1, 1), (80, 15, 25)])
def test_workers_share_the_looks_for_who_waits_for_a_limit(
    pauses, monkeypatch, alike, fewest, most
):
    monkeypatch.setattr(watch.Watch, "look", lambda self: math.inf)
    found = pauses(alike, 1000)
    assert fewest <= sum(found) / len(found) <= most


@pytest.mark.django_db(transaction=True)
def test_however_many_there_are_a_rate_goes_on_in_time(pauses, monkeypatch):
    monkeypatch.setattr(watch.Watch, "look", lambda self: 0.3)
    assert max(pauses(80, 100)) == pytest.approx(0.3)


@pytest.mark.django_db(transaction=True)
def test_a_look_that_fails_is_made_again_soon(pauses, monkeypatch):
    monkeypatch.setattr(watch.Watch, "look", lambda self: 1 / 0)
    assert max(pauses(80, 10)) <= watch.EVERY + 1e-6


@pytest.mark.django_db(transaction=True)
def test_who_is_left_alone_does_not_wait_for_a_turn_among_many(known, pauses, monkeypatch):
    monkeypatch.setattr(watch.Watch, "look", lambda self: math.inf)
    monkeypatch.setattr(looks, "luck", lambda: 1000.0)
    wait = Pauses.wait

    def others_go(self, seconds):
        known.note(1, 1, 0)
        return wait(self, seconds)

    monkeypatch.setattr(Pauses, "wait", others_go)
    assert pauses(80, 2) == [watch.EVERY] * 2


class Idle:
    """A pool that has nothing to do, or something."""

    has = frozenset()

    def known(self):
        return self.has


#: What a heartbeat tells is there; the database's time can be given where it comes back as one.
simulated = pytest.mark.skipif(connection.vendor == "mysql", reason="a time comes back as text")


@pytest.fixture
def keepers(clock, known, monkeypatch):
    """Idle keepers of a broker's workers, of which each knows how many there are."""
    clock.moves_the_database(monkeypatch)
    monkeypatch.setattr(current_app, "needs_ringing", lambda *app: True)
    monkeypatch.setattr(requests, "idle", lambda: 4)
    made = [thread.Keeper(f"worker@host/{n}", {"queues": ["q"]}, Idle()) for n in range(MANY)]
    for one in made:
        steady(one.worker_id)
    Worker.objects.update(queues=["q"])
    return made


def asked(clock, keepers, seconds):
    """Return the statements of so many seconds, by the second."""
    by_second = Counter()

    def count(execute, sql, *rest):
        by_second[int(clock.now)] += 1
        return execute(sql, *rest)

    with connection.execute_wrapper(count):
        for _ in range(seconds):
            for one in random.sample(keepers, len(keepers)):
                one.tick()
            clock.now += 1
    return by_second


@simulated
def test_200_idle_workers_ask_no_more_than_60_times_a_second(clock, keepers):
    asked(clock, keepers, 2)  # they begin
    found = asked(clock, keepers, 15)
    assert sum(found.values()) / 15 <= BUDGET


@simulated
def test_of_200_idle_workers_some_look_every_second(clock, known, keepers, monkeypatch):
    known.alike, looks = MANY, Counter()
    for one in keepers:
        one._own.clear()
        del one._shared[1:]
    monkeypatch.setattr(thread.ring, "ring_due", lambda queues: looks.update([clock.now]) or 0)
    asked(clock, keepers, 60)
    # With four a second in all, a second without any is one of fifty.
    assert len(looks) > 45


@simulated
def test_the_only_one_with_room_looks_for_what_others_have(clock, known, keepers, monkeypatch):
    """A fleet that is full does not help it."""
    looked = []
    monkeypatch.setattr(thread.ring, "find_lying", lambda queues, limit: looked.append(limit) or 0)
    monkeypatch.setattr(keepers[0], "_own", [])
    asked(clock, keepers[:1], 20)  # it has long had nothing to do
    known.note(MANY, 1, 0)
    looked.clear()
    asked(clock, keepers[:1], 40)
    assert len(looked) >= 9
    known.note(MANY, MANY, 0)
    looked.clear()
    asked(clock, keepers[:1], 40)
    assert len(looked) < 9


@simulated
def test_a_worker_that_has_work_looks_as_often_as_one_that_is_alone(clock, keepers, monkeypatch):
    busy, looks = keepers[0], []
    monkeypatch.setattr(busy.pool, "has", {"an id"}, raising=False)
    monkeypatch.setattr(thread.ring, "ring_due", lambda queues: looks.append(queues) or 0)
    asked(clock, keepers[1:2], 1)
    looks.clear()
    asked(clock, [busy], 30)
    assert len(looks) >= 29
