"""Which tasks a worker has: a second message for one that runs takes it off no list."""

import pytest
from celery.worker import state

from boogie.apps.tasks.worker.step import Pool


class Request:
    """Stands in for Celery's request of one message."""

    def __init__(self, id):
        self.id = id
        self.was_terminated = False
        self.task_name = self.name = "shop.count"

    def terminate(self, pool):
        self.was_terminated = True


class Worker:
    pool = None


@pytest.fixture
def pool():
    yield Pool(Worker())
    state.reset_state()


def taken(id):
    request = Request(id)
    state.task_reserved(request)
    return request


def test_a_duplicate_that_comes_to_nothing_leaves_the_run_known(pool):
    first = taken("a")
    state.active_requests.add(first)
    second = taken("a")
    state.task_ready(second)
    assert "a" not in state.requests  # which is why it is not asked
    assert pool.known() == {"a"}
    state.task_ready(first)
    assert pool.known() == set()


def test_the_run_is_killed_and_not_the_duplicate(pool):
    first = taken("a")
    state.active_requests.add(first)
    second = taken("a")
    pool.kill("a")
    assert (first.was_terminated, second.was_terminated) == (True, False)
