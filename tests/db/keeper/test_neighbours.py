"""A worker sees that the process of another one beside it is gone, and waits for no silence."""

import os

import pytest

from boogie.apps.tasks import Message, Worker
from boogie.apps.tasks.keeper import thread
from boogie.apps.tasks.keeper.beside import neighbours, processes
from boogie.apps.tasks.keeper.heartbeat import beat
from tests.db.keeper.test_looks import Idle
from tests.support.idle import idle_process
from tests.support.rows import stored
from tests.support.statements import statements

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(not processes.place(), reason="only Linux tells"),
]

ME, OTHER = "me@here/1", "other@here/2"


@pytest.fixture
def process():
    with idle_process() as one:
        yield one


@pytest.fixture
def other(process):
    """Another worker, which has just beaten, as a process of its own."""
    beat(OTHER, {})
    seen_as = {"pid": process.pid, "born": processes.born(process.pid)}
    Worker.objects.filter(pk=OTHER).update(**seen_as)
    return process


@pytest.fixture
def lost():
    return []


@pytest.fixture
def beside(lost):
    """What one keeper sees."""
    beat(ME, {})
    return neighbours.Neighbours(ME, lambda row, how: lost.append((row.pk, how)))


def end(process):
    process.kill()
    process.wait()


def test_the_rows_of_one_that_is_gone_are_lost_at_once(other, beside, lost):
    row = stored("running", worker=OTHER, pid=other.pid)
    elsewhere = stored("running", worker="third@there/3", pid=other.pid)
    beside.learn()
    assert beside.look() == 0
    end(other)
    assert beside.look() == 1
    assert lost == [(row.pk, f"the worker {OTHER} died")]
    assert elsewhere.pk not in [pk for pk, _how in lost]
    assert not Worker.objects.get(pk=OTHER).is_alive
    assert Worker.objects.get(pk=ME).is_alive
    beside.learn()
    assert beside.look() == 0


def test_its_messages_are_given_back(other, beside):
    message = Message.objects.create(queue="any", payload="{}", worker=OTHER)
    mine = Message.objects.create(queue="any", payload="{}", worker=ME)
    beside.learn()
    end(other)
    beside.look()
    message.refresh_from_db()
    mine.refresh_from_db()
    assert (message.worker, mine.worker) == ("", ME)


def test_a_child_that_lives_on_keeps_its_row(other, beside, lost):
    kept = stored("running", worker=OTHER, pid=os.getpid())
    row = stored("running", worker=OTHER, pid=other.pid)
    beside.learn()
    end(other)
    beside.look()
    assert [pk for pk, _how in lost] == [row.pk]
    assert Worker.objects.get(pk=OTHER).is_alive
    type(kept).objects.filter(pk__in=[kept.pk, row.pk])._raw_delete("default")
    beside.look()
    assert not Worker.objects.get(pk=OTHER).is_alive


@pytest.mark.parametrize("place", ["", "another host"])
def test_one_that_is_elsewhere_is_not_judged_so(other, beside, lost, place):
    stored("running", worker=OTHER, pid=other.pid)
    Worker.objects.filter(pk=OTHER).update(place=place)
    end(other)
    beside.learn()
    assert beside.look() == 0
    assert lost == []
    assert Worker.objects.get(pk=OTHER).is_alive


def test_who_does_not_know_where_it_is_sees_nobody(other, beside, lost, monkeypatch):
    monkeypatch.setattr(processes, "place", lambda: "")
    end(other)
    assert beside.others() is None
    beside.learn()
    assert beside.look() == 0


def test_as_long_as_all_live_a_look_is_no_statement(other, beside):
    beside.learn()
    with statements() as made:
        beside.look()
    assert made == []


def test_a_keeper_looks_for_them_and_at_them(other):
    keeper = thread.Keeper(ME, {"queues": []}, Idle())
    keeper.introduce()
    keeper.look_after()
    end(other)
    keeper.tick()
    assert not Worker.objects.get(pk=OTHER).is_alive


def test_a_keeper_that_is_alone_asks_no_more_than_before():
    keeper = thread.Keeper(ME, {"queues": []}, Idle())
    keeper.introduce()
    with statements() as made:
        keeper.look_after()
    assert len(made) == 1
