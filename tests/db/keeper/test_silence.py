"""
Nobody is judged by a silence that the judge shared.

A database that stalls, or a host that sleeps, keeps every keeper from beating. Whoever comes back
first must not take the others for dead.
"""

import random
from types import SimpleNamespace

import pytest

from boogie.apps.tasks import Message, Task, Worker
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.keeper import pacemaker_process, rescue, signs, step, thread
from tests.project.shop.models import Product
from tests.support.judge import steady
from tests.support.moved_clock import Clock
from tests.support.rows import stored

pytestmark = pytest.mark.django_db

ME, OTHER = "me@here/1", "other@there/2"
#: What is set if nothing is: seconds between heartbeats, and until a silent worker is dead.
HEARTBEAT, TIMEOUT = 5, 20


def beat(worker=ME):
    thread.beat(worker, {"queues": []})


def judged(by=ME):
    """Return the workers that one keeper takes for dead now."""
    dead = []
    rescue.rescue(by, lambda row, how: dead.append(row.worker))
    return dead


@pytest.fixture
def silent():
    """A row of a worker that was not heard of for longer than it may be."""
    steady(OTHER)
    Worker.objects.filter(pk=OTHER).update(seen=Moment(-TIMEOUT - 1))
    return stored("running", worker=OTHER)


# --- one keeper -------------------------------------------------------------------------


def test_a_keeper_that_was_never_late_judges(silent):
    assert judged(by=steady(ME)) == [OTHER]


def test_a_keeper_judges_nobody_before_it_has_beaten_as_long_as_they_may_be_silent(silent):
    beat()
    assert judged() == []
    Worker.objects.filter(pk=ME).update(steady=Moment(-TIMEOUT + 2))
    assert judged() == []
    Worker.objects.filter(pk=ME).update(steady=Moment(-TIMEOUT - 1))
    assert judged() == [OTHER]


def test_a_keeper_that_has_no_row_yet_judges_nobody(silent):
    assert judged() == []


def test_a_keeper_whose_heartbeat_is_late_judges_nobody(silent):
    steady(ME)
    Worker.objects.filter(pk=ME).update(seen=Moment(-signs.longest_gap() - 1))
    assert judged() == []


def test_a_keeper_that_was_late_begins_anew_and_gives_the_others_time(silent):
    steady(ME)
    Worker.objects.filter(pk=ME).update(seen=Moment(-signs.longest_gap() - 1))
    beat()
    assert judged() == []
    assert not Worker.objects.filter(pk=ME, steady__lt=Moment(-TIMEOUT / 2)).exists()


def test_a_keeper_whose_heartbeats_come_in_time_goes_on_judging(silent):
    steady(ME)
    Worker.objects.filter(pk=ME).update(seen=Moment(-HEARTBEAT - 1))
    beat()
    assert judged() == [OTHER]


def test_what_beats_in_its_place_was_late_with_it(silent):
    steady(ME)
    Worker.objects.filter(pk=ME).update(seen=Moment(-TIMEOUT))
    runs = SimpleNamespace(is_stopped=lambda: False, has_gone=lambda: False)
    mine = Worker.objects.filter(pk=ME)
    pacemaker_process.beat(runs, mine, signs.longest_gap())
    beat()
    assert judged() == []


def test_messages_are_not_taken_from_a_worker_by_a_silence_that_the_judge_shared(silent):
    Message.objects.create(queue="q", payload="{}", worker=OTHER, created=Moment())
    beat()
    judged()
    assert Message.objects.held().exists()
    steady(ME)
    judged()
    assert not Message.objects.held().exists()


# --- many keepers, and a clock that is moved by hand ------------------------------------


class Idle:
    """A pool that has nothing to kill or to compare."""

    def known(self):
        return set()


class Judge(thread.Keeper):
    """A keeper that only beats and judges; what it judges it writes down."""

    def __init__(self, number, found):
        super().__init__(f"worker@host/{number}", {"queues": []}, Idle())
        self.found = found
        # Rows that it lost track of are not what this is about.
        self.missing.compare = self.missing.forget

    def lose(self, row, how):
        self.found.append(row.worker)

    def ring(self):
        return 0

    def kill_terminated(self):
        """There is no process."""


class Simulation:
    """Keepers whose steps are called second by second, in any order."""

    def __init__(self, clock, number):
        self.clock = clock
        self.random = random.Random(number)
        self.found = []
        self.keepers = [Judge(i, self.found) for i in range(number)]
        product = Product.objects.create(name="pen")
        for keeper in self.keepers:
            steady(keeper.worker_id)
            stored("running", product, worker=keeper.worker_id)
        Task.objects.update(started=Moment(-100))

    def run(self, seconds, keepers=None):
        """Have keepers, or all, tick once a second."""
        keepers = list(self.keepers if keepers is None else keepers)
        for _ in range(seconds):
            self.random.shuffle(keepers)
            for keeper in keepers:
                keeper.tick()
            self.clock.now += 1

    def stall(self, seconds):
        """Have nobody do anything; then they come back one by one, wherever they were held up."""
        self.clock.now += seconds
        back = []
        for keeper in self.random.sample(self.keepers, len(self.keepers)):
            if self.random.random() < 0.5:  # held up just before it judges
                rescue.rescue(keeper.worker_id, keeper.lose)
            keeper.tick()
            back.append(keeper)
            if self.random.random() < 2 / len(self.keepers):
                self.run(1, back)


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    clock.moves_the_database(monkeypatch)
    monkeypatch.setattr(step, "time", clock)
    monkeypatch.setattr(thread.purge, "purge", lambda: 0)
    return clock


def test_of_200_workers_that_a_stall_held_up_none_is_judged_but_the_one_that_died_in_it(clock):
    everyone = Simulation(clock, 200)
    everyone.run(2)
    everyone.stall(40)
    dead = everyone.keepers.pop()
    everyone.run(TIMEOUT // 2)
    assert everyone.found == []
    everyone.run(TIMEOUT)
    assert set(everyone.found) == {dead.worker_id}


def test_however_long_a_stall_lasts_nobody_is_judged(clock):
    everyone = Simulation(clock, 8)
    for seconds in range(1, 60, 3):
        everyone.run(everyone.random.randrange(1, 30))
        everyone.stall(seconds)
    everyone.run(30)
    assert everyone.found == []
