"""Schedules of these tests: what a test declares is forgotten behind it."""

import pytest

from boogie.apps.tasks import Schedule, schedules
from boogie.apps.tasks.scheduling import following, timetable


@pytest.fixture(autouse=True)
def _nothing_declared(monkeypatch):
    monkeypatch.setattr(schedules, "_declared", {})


@pytest.fixture
def follow():
    """Have rows follow what is declared, as the first worker does; return the row of a name."""

    def following_of(name):
        following.follow()
        return Schedule.objects.get(name=name)

    return following_of


@pytest.fixture
def keep():
    """Make what is due, as a keeper does."""

    def make():
        while timetable.make(60):
            pass

    return make
