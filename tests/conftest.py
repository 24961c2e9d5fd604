"""
Skip what needs a server that does not answer; fail instead where servers are required.

And listen to Ctrl-C: a program in the background is started deaf to it, and so are its children.
"""

import functools
import gc
import signal
import socket

import pytest

from boogie.apps.tasks.broker import silence
from tests.project import services
from tests.support import emptying

#: Asked once in a session.
absent = functools.cache(services.missing)

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


pytest_plugins = ["boogie.apps.tasks.testing.plugin"]


@pytest.fixture(scope="session", autouse=True)
def _doorbells_ring():
    """Tests of Boogie itself need what those of a project do without: messages."""
    with silence.lifted():
        yield


@pytest.fixture(scope="session", autouse=True)
def _only_filled_tables_are_emptied():
    with emptying.only_what_is_filled():
        yield


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Decide before any fixture is made: the database of the session would need the server."""
    needs_servers = item.get_closest_marker("django_db") or item.get_closest_marker("worker")
    if needs_servers and absent():
        reason = f"no answer from {', '.join(absent())}"
        (pytest.fail if services.REQUIRED else pytest.skip)(reason)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish():
    """Close what this process still has open to a broker: at its end nobody else would."""
    for one in gc.get_objects():  # not isinstance(): lazy objects of Django would wake up
        if issubclass(type(one), socket.socket) and _leads_to_a_broker(one):
            one.close()


def _leads_to_a_broker(one):
    try:
        return one.getpeername()[1] in (services.PORTS["redis"], services.PORTS["rabbitmq"])
    except (OSError, IndexError):
        return False
