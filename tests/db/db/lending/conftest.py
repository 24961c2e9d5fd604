"""Bodies in threads, which share connections."""

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections

from boogie.apps.tasks.db.lending import bodies


def lender():
    """Return who lends connections to the database of the tests."""
    return bodies._lenders["default"]


@contextlib.contextmanager
def a_run(clean=True):
    """Do in a block what a worker does around a run."""
    bodies.begin()
    try:
        yield
    except BaseException:
        bodies.end(clean=False)
        raise
    else:
        bodies.end(clean)


def in_a_run(body, *args):
    """Return what a body returns in this thread, which has nothing else to do."""
    try:
        with a_run():
            return body(*args)
    finally:
        connections.close_all()


@pytest.fixture
def lending():
    """Return a function that has so many connections be lent."""
    yield bodies.start
    bodies.stop()


@pytest.fixture
def beside():
    """Return a function that begins a body in a thread of its own, and returns its future."""
    with ThreadPoolExecutor(max_workers=20) as pool:
        yield lambda body, *args: pool.submit(in_a_run, body, *args)


class Gate:
    """Who comes to it waits until it is opened."""

    def __init__(self):
        self.came = threading.Semaphore(0)
        self._is_open = threading.Event()

    def wait(self):
        self.came.release()
        assert self._is_open.wait(60)

    def await_visitors(self, number=1):
        for _ in range(number):
            assert self.came.acquire(timeout=60)

    def open(self):
        self._is_open.set()


@pytest.fixture
def gate():
    """Somewhere to wait in a body; it is open at the end."""
    one = Gate()
    yield one
    one.open()
