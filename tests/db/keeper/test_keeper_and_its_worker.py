"""What a keeper does with its own worker: rows that it lost track of, processes to be killed."""

from weakref import WeakSet

import pytest
from django.db import OperationalError
from django.utils import timezone

from boogie.apps.tasks import Message, Task, current_app
from boogie.apps.tasks import Worker as Row
from boogie.apps.tasks.keeper import thread
from boogie.apps.tasks.worker.step import Pool
from tests.project.shop.models import Product
from tests.support.rows import HOUR, stored
from tests.support.runs import declared
from tests.support.statements import statements

pytestmark = pytest.mark.django_db

ME = "me@host/1"


@pytest.fixture(autouse=True)
def _as_in_a_worker():
    current_app.celery_app().finalize()


class Worker:
    """What the keeper sees of its worker."""

    def __init__(self):
        self.tasks = set()
        self.killed = []

    def known(self):
        return set(self.tasks)

    def kill(self, task_id):
        self.killed.append(task_id)


@pytest.fixture
def worker():
    return Worker()


@pytest.fixture
def mine(worker):
    """The keeper under test; its thread does not run."""
    return thread.Keeper(ME, {"queues": []}, worker)


def status(row):
    row.refresh_from_db()
    return row.status


# --- heartbeat --------------------------------------------------------------------------


@pytest.mark.parametrize(("fails", "beats"), [(False, 1), (True, 3)])
def test_a_heartbeat_that_failed_is_tried_again_at_the_next_tick(mine, monkeypatch, fails, beats):
    """Others would take the worker for dead, which has come back or whose database has."""
    made = []

    def beat(*about):
        made.append(about)
        if fails:
            raise OperationalError("the database is away")

    monkeypatch.setattr(thread, "beat", beat)
    monkeypatch.setattr(thread.connections, "close_all", lambda: None)
    for _ in range(3):
        mine.tick()
    assert len(made) == beats


# --- compare ----------------------------------------------------------------------------


def test_a_row_that_the_worker_does_not_know_is_rescued_at_the_second_look(mine):
    row = stored("running", worker=ME)
    mine.missing.compare()
    assert status(row) == "running"
    mine.missing.compare()
    assert status(row) == "queued"
    assert row.losses == 1
    assert f"the worker {ME} lost track of the row" in row.error


def test_a_row_that_the_worker_runs_is_left_alone(mine, worker):
    row = stored("running", worker=ME)
    worker.tasks = {str(row.pk)}
    for _ in range(3):
        mine.missing.compare()
    assert status(row) == "running"


def test_a_row_that_is_known_at_the_second_look_begins_anew(mine, worker):
    row = stored("running", worker=ME)
    mine.missing.compare()
    worker.tasks = {str(row.pk)}
    mine.missing.compare()
    worker.tasks = set()
    mine.missing.compare()
    assert status(row) == "running"
    mine.missing.compare()
    assert status(row) == "queued"


def test_a_new_attempt_is_not_taken_for_the_one_that_was_missing(mine):
    row = stored("running", worker=ME)
    mine.missing.compare()
    Task.objects.filter(pk=row.pk).update(attempt=row.attempt + 1)
    mine.missing.compare()
    assert status(row) == "running"
    mine.missing.compare()
    assert status(row) == "queued"


def test_rows_of_other_workers_and_rows_that_do_not_run_are_not_compared(mine):
    others = [stored("running", worker="you@host/2"), stored("running", worker="process@call:h:1")]
    ended = [stored(s, worker=ME) for s in ("finished", "failed", "cancelled", "queued", "paused")]
    before = [status(row) for row in (*others, *ended)]
    for _ in range(3):
        mine.missing.compare()
    assert [status(row) for row in (*others, *ended)] == before


def test_one_statement_tells_that_nothing_is_to_be_looked_after(mine):
    with statements() as asked:
        mine.look_after()
    assert len(asked) == 1


def test_what_is_to_be_looked_after_is(mine):
    own, dead = stored("running", worker=ME), stored("running", worker="gone@host/1")
    message = Message.objects.create(queue="q", payload="{}", worker="gone@host/1")
    moments = {"seen": timezone.now(), "steady": timezone.now() - HOUR}
    Row.objects.create(pk=ME, host="h", pid=1, **moments)
    mine.look_after()
    message.refresh_from_db()
    assert (status(own), status(dead), message.worker) == ("running", "queued", "")
    mine.look_after()
    assert status(own) == "queued"


def test_a_row_that_was_missing_before_another_look_found_none_is_missing_anew(mine):
    row = stored("running", worker=ME)
    mine.look_after()
    Task.objects.filter(pk=row.pk).update(worker="you@host/2")
    mine.look_after()
    Task.objects.filter(pk=row.pk).update(worker=ME)
    mine.look_after()
    assert status(row) == "running"


def test_a_row_that_was_lost_too_often_fails(mine):
    row = stored("running", worker=ME, losses=3)
    mine.missing.compare()
    mine.missing.compare()
    assert status(row) == "failed"
    assert row.error.startswith("WorkerLost: ")


def test_a_worker_that_died_between_two_looks_is_not_this_one(mine):
    """The restarted worker has another id: its keeper leaves the rows to ``rescue``."""
    row = stored("running", worker="me@host/0")
    for _ in range(3):
        mine.missing.compare()
    assert status(row) == "running"


# --- terminate --------------------------------------------------------------------------


def test_the_process_of_a_row_cancelled_with_terminate_is_killed_once(mine, worker):
    row = stored("running", worker=ME)
    assert row.cancel(terminate=True)
    mine.kill_terminated()
    mine.kill_terminated()
    assert worker.killed == [str(row.pk)]
    assert status(row) == "cancelled"
    assert not row.terminate


def test_nothing_else_is_killed(mine, worker):
    rows = [
        stored("running", worker=ME),
        stored("running", worker="you@host/2"),
        stored("running", worker=ME),
        stored("finished", worker=ME),
    ]
    rows[1].cancel(terminate=True)
    rows[2].cancel()
    assert not rows[3].cancel(terminate=True)
    mine.kill_terminated()
    assert worker.killed == []


def test_a_row_retried_by_hand_before_its_process_was_killed_is_not_killed(mine, worker):
    row = stored("running", worker=ME)
    row.cancel(terminate=True)
    row.retry()
    assert not row.terminate
    Task.objects.filter(pk=row.pk).update(
        status="running", due=None, started=timezone.now() - HOUR, attempt=4
    )
    mine.kill_terminated()
    assert worker.killed == []
    assert status(row) == "running"


def test_cancelling_a_queryset_with_terminate_marks_every_row_that_ran(mine, worker):
    body = declared(lambda product: None)
    rows = [stored("running", name=body.name, worker=ME) for _ in range(3)]
    stored("finished", name=body.name, worker=ME)
    waiting = body.delayed(Product.objects.create(name="pen"))
    assert body.tasks().cancel(terminate=True) == 4
    mine.kill_terminated()
    assert sorted(worker.killed) == sorted(str(row.pk) for row in rows)
    assert status(waiting) == "cancelled"


def test_a_pool_that_cannot_kill_says_so_and_the_keeper_goes_on(mine, monkeypatch, caplog):
    row = stored("running", worker=ME)
    row.cancel(terminate=True)

    class Request:
        id = str(row.pk)

        def terminate(self, pool):
            raise NotImplementedError

    class Host:
        pool = None

    running = WeakSet([request := Request()])
    monkeypatch.setattr("celery.worker.state.reserved_requests", running)
    monkeypatch.setattr("celery.worker.state.active_requests", running)
    mine.pool = Pool(Host())
    assert mine.pool.known() == {str(row.pk)}
    mine.kill_terminated()
    assert f"The pool cannot kill {request.id}" in caplog.text
    assert status(row) == "cancelled"
    assert not row.terminate


def test_a_process_that_has_ended_meanwhile_is_not_looked_for_for_ever(mine, monkeypatch):
    row = stored("running", worker=ME)
    row.cancel(terminate=True)
    monkeypatch.setattr("celery.worker.state.active_requests", WeakSet())
    mine.pool = Pool(None)
    mine.kill_terminated()
    assert status(row) == "cancelled"
    assert not row.terminate
