"""
The pytest plugin: fixtures, and when a test begins. pytest finds it by its entry point.

It is loaded in every project that has Boogie installed, before settings and Django, with or
without pytest-django: nothing is imported here but when a fixture is asked for.
"""

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from . import began

if TYPE_CHECKING:
    from boogie.apps.tasks.models import TaskQuerySet

    from .worker import Worker


class Beginning:
    """Tells when a test begins: behind what others share with it, which pytest makes first."""

    def __init__(self) -> None:
        self.has_begun = False

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Nothing of a test is there yet."""
        self.has_begun = False
        began.begin(told=True)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Generator[None, Any, Any]:
        """Make a fixture; the first that is of this test alone, and all after it, belong to it."""
        self.has_begun = self.has_begun or fixturedef.scope == "function"
        found = yield
        if not self.has_begun:
            began.begin(told=True)
        return found

    def pytest_runtest_call(self) -> None:
        """What is made from here on belongs to the test."""
        self.has_begun = True


def pytest_configure(config: pytest.Config) -> None:
    """Listen to when tests begin."""
    config.pluginmanager.register(Beginning(), "boogie_tasks.beginning")


@pytest.fixture
def run_tasks() -> Callable[..., dict[str, int]]:
    """``run_tasks()``: run what is queued here and now."""
    from .running import run_tasks

    return run_tasks


@pytest.fixture
def made_tasks() -> "Callable[..., TaskQuerySet]":
    """``made()``: the rows that were made since the test began."""
    from .making import made

    return made


class Clock:
    """The database's clock, as Boogie sees it, until the end of the test."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    def freeze(self, moment: datetime) -> None:
        """Have it stand still at ``moment``."""
        from .clock import freeze

        self._stack.enter_context(freeze(moment))

    def travel(self, delta: timedelta | float) -> None:
        """Put it forward, from where it is, by a ``timedelta`` or seconds."""
        from .clock import travel

        self._stack.enter_context(travel(delta))


@pytest.fixture
def boogie_clock() -> Iterator[Clock]:
    """The database's clock; what is done with its ``freeze`` and ``travel`` ends with the test."""
    with ExitStack() as stack:
        yield Clock(stack)


@pytest.fixture
def boogie_worker(transactional_db: None, tmp_path: Path) -> "Iterator[Worker]":
    """A real worker in a process of its own, on the test's database, until the test ends."""
    from .worker import working

    with working(tmp_path / "boogie_worker.log") as worker:
        yield worker
