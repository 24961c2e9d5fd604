"""What a worker has in hand, by what Celery says of it."""

import os
from types import SimpleNamespace

import pytest
from celery import concurrency
from celery.worker import state

from boogie.apps.tasks.broker import requests


@pytest.fixture
def pool(monkeypatch):
    """A pool of four, of which three are at work, and one message waits."""
    pool = SimpleNamespace(num_processes=4, _pool=object())
    monkeypatch.setattr(requests, "_pool", pool)
    monkeypatch.setattr(state, "active_requests", range(3))
    monkeypatch.setattr(state, "reserved_requests", range(3))
    return pool


def test_so_many_more_could_run_as_have_nothing_to_do(pool, monkeypatch):
    assert (requests.idle(), requests.is_busy()) == (1, False)
    monkeypatch.setattr(state, "reserved_requests", range(9))
    assert (requests.idle(), requests.is_busy()) == (0, False)
    monkeypatch.setattr(state, "active_requests", range(4))
    assert requests.is_busy()


def test_a_pool_that_was_stopped_runs_nothing(pool, monkeypatch):
    pool = concurrency.get_implementation("prefork")(limit=4)
    monkeypatch.setattr(requests, "_pool", pool)
    assert (requests.idle(), requests.is_busy()) == (0, True)


@pytest.mark.parametrize("name", ["threads", "solo", "gevent"])
def test_a_pool_without_processes_runs_as_many_as_it_was_told(monkeypatch, name):
    """Whatever Celery calls its processes: greenlets are those that run, in one of its versions."""
    monkeypatch.setattr(state, "active_requests", [])
    monkeypatch.setattr(state, "reserved_requests", [])
    pool = concurrency.get_implementation(name)(limit=5)
    if name == "gevent":
        pool.start()
    monkeypatch.setattr(requests, "_pool", pool)
    assert (requests.idle(), requests.is_busy()) == (1 if name == "solo" else 5, False)
    if name == "gevent":
        pool.grow(2)
        assert requests.idle() == 7


def test_where_there_is_no_worker_nothing_is_run(pool, monkeypatch):
    monkeypatch.setattr(requests, "_pool", None)
    assert (requests.idle(), requests.is_busy()) == (0, False)


def test_a_pool_that_grows_when_something_waits_counts_as_what_it_may_become(pool, monkeypatch):
    """Else nothing would wait, and it would not grow."""
    monkeypatch.setattr(requests, "_autoscaler", SimpleNamespace(max_concurrency=10))
    monkeypatch.setattr(state, "reserved_requests", range(4))
    assert (requests.idle(), requests.is_full()) == (6, False)
    monkeypatch.setattr(state, "reserved_requests", range(10))
    assert requests.is_full()


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
def test_a_child_is_not_full_for_what_its_parent_had_in_hand(pool, monkeypatch):
    monkeypatch.setattr(state, "reserved_requests", range(9))
    monkeypatch.setattr(requests, "_queues", lambda: ["mail"])
    assert requests.is_full()
    child = os.fork()
    if not child:
        os._exit(requests.is_full() + 2 * requests.serves_any(["mail"]))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert requests.serves_any(["mail", "slow"])
    assert not requests.serves_any(["slow"])
