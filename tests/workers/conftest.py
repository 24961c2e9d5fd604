"""
Fixtures of the tests with real workers.

A test that hurts its worker or its broker takes ``worker``, which starts as
many as it likes. Tests that leave their worker as it was share one for their
module: ``standing``. The tables are flushed when no worker lives any more, so
such tests tell their rows apart by their objects.

``once`` marks a test in which neither the database nor the broker has a say.
"""

import contextlib

import pytest

from tests.project.blog import tasks
from tests.project.blog.models import Post
from tests.project.celery import app
from tests.support.processes import PATIENCE
from tests.support.project_worker import starting, unflushed, watched
from tests.support.queues import own_queue
from tests.support.waiting import wait_until
from tests.workers.traces import has_begun, let_go, new_user


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.failed:
        for one in watched:
            report.sections.append((f"worker {one.pid}", one.log[-20_000:]))
    return report


@pytest.fixture(scope="session", autouse=True)
def _no_connection_outlives_the_session():
    yield
    app.pool.force_close_all()


# --- workers of one test --------------------------------------------------------------


@pytest.fixture
def queue(transactional_db):
    """The name of this test's own default queue."""
    with own_queue() as name:
        yield name


@pytest.fixture
def worker(queue, tmp_path):
    """A function that starts a worker; they end before the tables are flushed."""
    with starting(tmp_path, queue) as start:
        yield start


# --- the worker of a module -----------------------------------------------------------


@pytest.fixture(scope="module")
def standing(request, django_db_setup, django_db_blocker, tmp_path_factory):
    """One worker for all tests of a module: with one child, if its ``STANDING`` is not another."""
    options, pool = getattr(request.module, "STANDING", ((), "prefork"))
    directory = tmp_path_factory.mktemp("standing")
    kept = unflushed(django_db_blocker)
    with kept, own_queue() as queue, starting(directory, queue) as start:
        yield start(*options, pool=pool)


@pytest.fixture
def busy(standing):
    """A context in which the one child of the standing worker is occupied: everything waits."""

    @contextlib.contextmanager
    def occupied():
        post = Post.objects.create(author=new_user(), title="occupied")
        row = tasks.hold.delayed(post)
        wait_until(lambda: has_begun(post), PATIENCE)
        try:
            yield
        finally:
            let_go(post)
            row.wait(PATIENCE)

    return occupied


# --- objects --------------------------------------------------------------------------


@pytest.fixture
def user(transactional_db):
    """A user that no other test has."""
    return new_user()


@pytest.fixture
def post(user):
    """A post that counts in ``views`` how often a body ran for it."""
    return Post.objects.create(author=user, title="counted")
