"""When the pacemaker beats, and when it leaves that to its worker."""

from types import SimpleNamespace

import pytest
from django.db import OperationalError

from boogie.apps.tasks.keeper import pacemaker_process


@pytest.fixture(autouse=True)
def connection(monkeypatch):
    """A connection to nowhere."""
    one = SimpleNamespace(ensure_connection=lambda: None, close=lambda: None)
    monkeypatch.setattr(pacemaker_process, "connection", one)
    return one


class Parent:
    """A worker that beats by itself or not, as it is written; then it goes."""

    stopped = False

    def __init__(self, *beats):
        self.beats = list(beats)
        self.waited = []

    def beat_within(self, seconds):
        self.waited.append(seconds)
        return self.beats.pop(0)

    def has_gone(self):
        return not self.beats

    def is_stopped(self):
        return self.stopped


class Row:
    """The row of a worker; the database is away for the first ``away`` beats."""

    def __init__(self, away=0):
        self.away = away
        self.beats = 0

    def update(self, **signs_of_life):
        if self.away:
            self.away -= 1
            raise OperationalError("away")
        self.beats += 1


def test_it_beats_once_for_a_trial_and_then_only_for_a_worker_that_does_not():
    row, parent = Row(), Parent(False, True, True, True, True)
    pacemaker_process.pace(parent, row, 10, 20)
    assert row.beats == 1
    assert parent.waited == [0, 10, 15, 15, 15]


def test_while_a_worker_is_held_up_it_beats_as_often_as_the_worker_would():
    row, parent = Row(), Parent(False, True, False, False, False, True, True)
    pacemaker_process.pace(parent, row, 10, 20)
    assert row.beats == 4
    assert parent.waited == [0, 10, 15, 10, 10, 10, 15]


def test_a_worker_that_was_stopped_is_not_beaten_for():
    row, parent = Row(), Parent(False, False, False)
    parent.stopped = True
    pacemaker_process.pace(parent, row, 10, 20)
    assert row.beats == 0


def test_a_worker_that_went_while_the_database_was_connected_is_not_beaten_for(connection):
    row, parent = Row(), Parent(False, False)
    connection.ensure_connection = parent.beats.clear
    pacemaker_process.pace(parent, row, 10, 20)
    assert row.beats == 0


def test_it_goes_on_when_the_database_was_away(caplog):
    row = Row(away=2)
    pacemaker_process.pace(Parent(False, False, False, False, True), row, 10, 20)
    assert caplog.text.count("cannot reach the database") == 2
    assert row.beats == 2
