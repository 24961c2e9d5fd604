"""The threads of a keeper: whatever breaks one off, it begins again; for a fork they make way."""

import threading

import pytest
from celery.exceptions import TaskRevokedError
from celery.worker import state
from kombu import Message

from boogie.apps.tasks import Task, Worker, current_app
from boogie.apps.tasks.keeper import jobs, thread
from boogie.apps.tasks.transport.delivery import IN_JSON, doorbell_message
from boogie.apps.tasks.worker import forks
from boogie.apps.tasks.worker.request import BoogieRequest
from tests.project.shop.models import Product
from tests.support.rows import HOUR
from tests.support.runs import declared
from tests.support.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

ME = "me@here/1"


class GreenletExit(BaseException):
    """As gevent's: what ends a greenlet."""


class Idle:
    """A pool that has nothing."""

    def known(self):
        return set()


@pytest.fixture
def keeper(monkeypatch):
    """A keeper of this process, whose threads run; it ticks often."""
    monkeypatch.setattr(thread, "TICK", 0.02)
    keeper = thread.Keeper(ME, {"queues": []}, Idle())
    keeper.introduce()
    forks.keepers[keeper] = None
    keeper.threads.begin()
    yield keeper
    forks.keepers.clear()
    keeper.threads.end()


def is_heard(keeper):
    """Wait for a heartbeat that comes now."""
    Worker.objects.update(seen=Worker.objects.get().started - HOUR)
    keeper._beat.hurry()
    wait_until(Worker.objects.alive(60).exists)
    return True


def named(name):
    return [one for one in threading.enumerate() if one.name == name]


# --- what breaks a thread off -----------------------------------------------------------


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, GreenletExit, MemoryError])
def test_a_keeper_that_broke_off_begins_again_and_no_row_is_begun_before_it_has_beaten(
    keeper, error, monkeypatch, caplog
):
    may_beat = threading.Event()
    was_well = []
    real_tick, real_beat = keeper.tick, thread.beat

    def breaks():
        monkeypatch.setattr(keeper, "tick", real_tick)
        raise error("broken")

    def beat(*args):
        was_well.append(keeper.is_well)
        assert may_beat.wait(60)
        real_beat(*args)

    assert keeper.is_well
    monkeypatch.setattr(thread, "beat", beat)
    monkeypatch.setattr(keeper, "tick", breaks)
    wait_until(lambda: was_well)
    assert not was_well[-1]
    may_beat.set()
    wait_until(lambda: keeper.is_well)
    assert is_heard(keeper)
    assert f"The keeper of {ME} broke off" in caplog.text


def the_keeper_dies(patch):
    patch.setattr(thread, "TICK", "no number")


def a_thread_with_jobs_dies(patch):
    def job():
        raise GreenletExit

    patch.setattr(jobs, "logger", None)
    jobs.submit(job)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("death", [the_keeper_dies, a_thread_with_jobs_dies])
def test_a_thread_that_has_died_begins_anew_and_meanwhile_no_row_is_begun(keeper, death):
    with pytest.MonkeyPatch.context() as patch:
        death(patch)
        wait_until(lambda: keeper.threads.has_died)
    assert not keeper.is_well
    forks.revive()
    assert not keeper.threads.has_died
    wait_until(lambda: keeper.is_well)
    assert (len(named("boogie-keeper")), len(named("boogie-jobs"))) == (1, 2)
    assert is_heard(keeper)


def test_a_pool_that_cannot_be_asked_keeps_nobody_from_beating(keeper, monkeypatch):
    monkeypatch.setattr(Idle, "known", lambda self: 1 / 0)
    assert is_heard(keeper)


@pytest.mark.parametrize("error", [SystemExit, GreenletExit])
def test_a_job_that_raises_what_ends_threads_ends_none(keeper, error):
    done = []

    def job():
        raise error("hook")

    for _ in range(5):
        jobs.submit(job)
    jobs.submit(done.append, True)
    wait_until(lambda: done)
    assert len(named("boogie-jobs")) == 2


# --- rows that it must not begin --------------------------------------------------------


class Pool:
    def apply_async(self, *args, **options):
        raise AssertionError("a body begins")


def received(row):
    """Return what a worker makes of a doorbell that it has received."""
    task = current_app.celery_app().tasks[row.name]
    acknowledged = []
    request = BoogieRequest(
        message(row), task=task, app=task.app, on_ack=lambda *args: acknowledged.append(1)
    )
    state.task_reserved(request)
    return request, acknowledged


def message(row):
    told = doorbell_message(row, "tag", IN_JSON, ("()", "{}"))
    return Message(
        body=told["body"],
        headers=told["headers"],
        properties=told["properties"],
        delivery_info=told["properties"]["delivery_info"],
        content_type="application/json",
        content_encoding="utf-8",
    )


def test_a_worker_without_a_heartbeat_leaves_its_rows_to_others(keeper):
    body = declared(lambda product: None)
    current_app.celery_app().finalize()
    row = body.delayed(Product.objects.create(name="pen"))
    Task.objects.filter(pk=row.pk).update(due=row.created + HOUR)
    request, acknowledged = received(row)
    keeper.threads.end()
    keeper._known_until = 0.0
    with pytest.raises(TaskRevokedError):
        request.execute_using_pool(Pool())
    assert acknowledged == [1]
    assert request not in state.reserved_requests
    jobs.finish()
    row.refresh_from_db()
    assert row.is_queued
    assert row.due < row.created + HOUR / 2


def test_a_worker_that_beats_begins_its_rows(keeper):
    body = declared(lambda product: None)
    current_app.celery_app().finalize()
    request, _ = received(body.delayed(Product.objects.create(name="pen")))
    with pytest.raises(AssertionError, match="a body begins"):
        request.execute_using_pool(Pool())
    state.task_ready(request)


# --- making way for a fork --------------------------------------------------------------


class Children:
    """A pool with a place for a child."""

    def __init__(self):
        self._pool, self._processes = [], 1
        self.beside = None

    def _repopulate_pool(self, exitcodes):
        self.beside = named("boogie-keeper") + named("boogie-jobs")
        self._pool.append("child")
        forks.wake()


def test_no_child_is_forked_beside_a_job_and_nobody_waits_for_it(keeper):
    children = Children()
    forks.put_off(children)
    may_end = threading.Event()
    jobs.submit(may_end.wait, 60)
    wait_until(jobs.at_work)
    children._repopulate_pool([])
    assert children.beside is None
    assert is_heard(keeper)
    done = []
    jobs.submit(done.append, True)
    wait_until(lambda: done)
    may_end.set()
    wait_until(lambda: children._repopulate_pool([]) or children.beside is not None)
    assert children.beside == []
    assert keeper.threads.are_complete
    assert is_heard(keeper)


@pytest.fixture
def children():
    """A pool whose children are replaced when no thread of a keeper is left."""
    children = Children()
    forks.put_off(children)
    return children


@pytest.fixture
def may_end(keeper, monkeypatch):
    """Have the keeper wait for a lock; set to let it go on."""
    may_end, waits = threading.Event(), threading.Event()

    def locked():
        waits.set()
        may_end.wait(60)

    monkeypatch.setattr(keeper, "tick", locked)
    assert waits.wait(60)
    wait_until(lambda: not jobs.at_work())  # as when it begins: what has ended is counted
    return may_end


def test_a_keeper_that_waits_for_a_lock_holds_up_nobody_either(children, may_end):
    children._repopulate_pool([])
    assert children.beside is None
    may_end.set()
    wait_until(lambda: children._repopulate_pool([]) or children.beside is not None)
    assert children.beside == []


def test_what_a_pool_was_told_of_dead_children_is_told_when_they_are_replaced(keeper):
    children = Children()
    told = []
    children._repopulate_pool = told.append
    forks.put_off(children)
    may_end = threading.Event()
    jobs.submit(may_end.wait, 60)
    wait_until(jobs.at_work)
    children._repopulate_pool([-9])
    assert told == []
    may_end.set()
    wait_until(lambda: children._repopulate_pool([]) or told)
    assert told == [[-9]]


def test_threads_that_made_way_go_on_if_the_pool_is_made_smaller(keeper, children, may_end):
    children._repopulate_pool([])
    assert not keeper.threads.are_complete
    children._processes = 0
    children._repopulate_pool([])
    may_end.set()
    done = []
    jobs.submit(done.append, True)
    wait_until(lambda: done)
    assert keeper.threads.are_complete
