"""What tests of several rooms ask for."""

import pytest

from boogie.apps.tasks.execution import cancellation


@pytest.fixture
def _always_asks(monkeypatch):
    """A check for cancellation asks the database, however short ago one did."""
    monkeypatch.setattr(cancellation, "CHECK_EVERY", 0.0)
