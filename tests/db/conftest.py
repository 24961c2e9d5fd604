"""What tests of several rooms ask for."""

import pytest

from boogie.apps.tasks.db import compiled
from boogie.apps.tasks.execution import cancellation, start


@pytest.fixture(autouse=True)
def _nobody_knows_of_which_kind_objects_are():
    """What one test has learned of a task is not to decide how another one reads its object."""
    start.forget()


@pytest.fixture
def _always_asks(monkeypatch):
    """A check for cancellation asks the database, however short ago one did."""
    monkeypatch.setattr(cancellation, "CHECK_EVERY", 0.0)


@pytest.fixture
def _compiled_anew():
    """Statements are compiled with what a test has changed, and without it afterwards."""
    compiled.forget()
    yield
    compiled.forget()
