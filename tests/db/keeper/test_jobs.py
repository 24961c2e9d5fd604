"""No job is lost to a database that is away, and no hook ends a thread of the keeper."""

import threading

import pytest
from django.db import DatabaseError, InterfaceError, InternalError, OperationalError

from boogie.apps.tasks.keeper import jobs
from tests.support.waiting import wait_until

ERRORS = [DatabaseError, InterfaceError, InternalError, OperationalError]


@pytest.fixture
def working(monkeypatch, db):
    monkeypatch.setattr(jobs, "AGAIN_AFTER", 0.01)
    monkeypatch.setattr("boogie.apps.tasks.keeper.step.drop_all", lambda: None)
    monkeypatch.setattr(jobs.connections, "close_all", lambda: None)
    stopped = threading.Event()
    thread = threading.Thread(target=jobs.work, args=[stopped], daemon=True)
    thread.start()
    yield thread
    jobs.stop(stopped, 1)
    thread.join(10)
    assert not thread.is_alive()


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_a_job_that_the_database_refuses_is_done_when_it_no_longer_does(working, error):
    tries = []

    def job(what):
        tries.append(what)
        if len(tries) < 4:
            raise error("away")

    jobs.submit(job, "this")
    wait_until(lambda: len(tries) == 4)
    jobs.submit(tries.append, "next")
    wait_until(lambda: tries[-1] == "next")
    assert tries[:-1] == ["this"] * 4


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, GeneratorExit, ValueError])
def test_whatever_a_hook_raises_the_next_job_is_done(working, error, caplog):
    done = []

    def job():
        raise error("hook")

    jobs.submit(job)
    jobs.submit(done.append, True)
    wait_until(lambda: done)
    assert working.is_alive()
    assert "The keeper failed at" in caplog.text


def test_an_order_to_stop_that_nobody_took_ends_no_thread_that_begins_later(working):
    done = []
    jobs.stop(threading.Event(), 2)
    jobs.submit(done.append, True)
    wait_until(lambda: done)
    assert working.is_alive()
