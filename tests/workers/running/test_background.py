"""Runs in the background: outcomes, retries, verbs on rows that wait, queues and priorities."""

import os

import pytest

from boogie.apps.tasks import TaskCancelled, TaskFailed, current_app
from boogie.apps.tasks.db.clock import Moment
from tests.project.blog import tasks
from tests.project.celery import app
from tests.support.names import fresh_name
from tests.support.processes import PATIENCE
from tests.support.queues import delete_queues
from tests.support.runs import declared
from tests.support.waiting import wait_until
from tests.workers.traces import all_ended, real_broker, runs_of, titles

pytestmark = [pytest.mark.worker, pytest.mark.django_db(transaction=True)]


# --- outcomes -------------------------------------------------------------------------


def test_a_run_succeeds_in_a_child_of_the_worker(standing, user):
    row = tasks.whereabouts.delayed(user)
    result = row.wait(PATIENCE)
    assert result == {"worker": standing.row.pk, "pid": row.pid, "attempt": 1}
    assert row.pid not in (os.getpid(), standing.pid)
    assert row.created <= row.started <= row.ended


def test_a_failure_is_recorded_with_all_that_is_known_of_it(standing, user):
    row = tasks.fail.delayed(user, "too many posts")
    with pytest.raises(TaskFailed, match="ValueError: too many posts"):
        row.wait(PATIENCE)
    (error,) = row.errors
    assert error["type"] == "builtins.ValueError"
    assert error["message"] == "too many posts"
    assert "raise ValueError(message)" in error["traceback"]
    assert error["worker"] == row.worker == standing.row.pk
    assert error["attempt"] == row.attempt == 1


def test_a_failed_row_runs_again_when_it_is_retried_by_hand(standing, post):
    row = tasks.retry_by_itself.delayed(post, 3)
    (ended,) = all_ended(row)
    assert ended.is_failed
    assert row.retry()
    assert row.wait(PATIENCE) == 4
    assert row.attempt == 4


# --- retries --------------------------------------------------------------------------


def test_a_task_that_asks_for_retries_gets_them(standing, post):
    row = tasks.retry_by_hand.delayed(post, 2)
    assert row.wait(PATIENCE) == {"retries": 2, "attempt": 3}
    assert row.retries == 2
    assert [error["message"] for error in row.errors] == ["try 1", "try 2"]
    assert [error["attempt"] for error in row.errors] == [1, 2]


def test_a_task_whose_retries_are_over_fails_with_the_last_error(standing, post):
    row = tasks.retry_by_hand.delayed(post, 9)
    (ended,) = all_ended(row)
    assert ended.is_failed
    assert ended.attempt == runs_of(post) == 4
    assert ended.error == "LookupError: try 4"
    assert len(ended.errors) == 4


def test_autoretry_for_retries_what_it_names(standing, post):
    row = tasks.retry_by_itself.delayed(post, 2)
    assert row.wait(PATIENCE) == 3
    assert [error["type"] for error in row.errors] == ["builtins.LookupError"] * 2


def test_autoretry_for_ends_at_max_retries(standing, post):
    row = tasks.retry_by_itself.delayed(post, 9)
    (ended,) = all_ended(row)
    assert ended.is_failed
    assert runs_of(post) == 3


# --- rows that wait -------------------------------------------------------------------


def test_a_row_paused_before_its_start_runs_only_when_it_is_run(busy, post):
    with busy():
        row = tasks.count.delayed(post)
        assert row.pause()
    tasks.count.delayed(post).wait(PATIENCE)  # behind the doorbell of the paused row
    row.refresh_from_db()
    assert row.is_paused
    assert runs_of(post) == 1
    assert row.run()
    assert row.wait(PATIENCE) == 2


def test_a_row_cancelled_before_its_start_never_runs(busy, post):
    with busy():
        row = tasks.count.delayed(post)
        assert row.cancel()
    tasks.count.delayed(post).wait(PATIENCE)
    with pytest.raises(TaskCancelled):
        row.wait(PATIENCE)
    assert runs_of(post) == 1
    assert row.attempt == 0


def test_a_duplicate_doorbell_runs_nothing(busy, standing, post):
    with busy():
        row = tasks.count.delayed(post)
        _until_received(standing, row, times=1)
        _ring_again(standing, row)
        last = tasks.count.delayed(post)
    last.wait(PATIENCE)
    assert row.wait(PATIENCE) == 1
    assert row.attempt == 1
    assert runs_of(post) == 2


def test_a_doorbell_that_comes_after_the_run_runs_nothing(standing, post):
    row = tasks.count.delayed(post)
    row.wait(PATIENCE)
    publish(row)
    tasks.count.delayed(post).wait(PATIENCE)
    row.refresh_from_db()
    assert (row.attempt, runs_of(post)) == (1, 2)


def publish(row):
    """Send the doorbell of ``row`` as any Celery client can, whatever its status."""
    app.send_task(row.name, task_id=str(row.pk), ignore_result=True)


def _ring_again(worker, row):
    if current_app.needs_ringing():
        publish(row)
        _until_received(worker, row, times=2)
    else:  # there is no message that could be sent twice: the worker may take the row once more
        row._itself().update(due=Moment())


def _until_received(worker, row, times):
    wait_until(lambda: worker.log.count(f"[{row.pk}] received") == times, PATIENCE)


def test_a_name_that_nobody_registered_fails_the_row(standing, user):
    @declared
    def known_here_alone(user):
        pass

    (ended,) = all_ended(known_here_alone.delayed(user))
    assert ended.is_failed
    assert ended.errors[0]["type"] == "boogie.apps.tasks.exceptions.UnknownTask"
    assert known_here_alone.name in ended.errors[0]["message"]
    assert ended.worker == standing.row.pk


# --- remote control -------------------------------------------------------------------


@real_broker
def test_a_task_revoked_through_celery_is_cancelled_and_runs_when_it_is_retried(
    busy, standing, post
):
    with busy():
        rows = [tasks.count.delayed(post), tasks.count.paused(post), tasks.count.schedule(60, post)]
        app.control.revoke([str(row.pk) for row in rows])
        ended = all_ended(*rows)  # while the one child is occupied
    assert [row.status for row in ended] == ["cancelled"] * 3
    assert runs_of(post) == 0
    (again, *_) = ended
    assert again.retry()
    assert again.wait(PATIENCE) == 1


@real_broker
def test_a_running_task_terminated_through_celery_is_cancelled(standing, post):
    row = tasks.hold.delayed(post)
    wait_until(lambda: runs_of(post) == 1, PATIENCE)
    app.control.revoke(str(row.pk), terminate=True)
    (ended,) = all_ended(row)
    assert ended.is_cancelled
    assert tasks.count.delayed(post).wait(PATIENCE) == 2


@real_broker
def test_the_log_says_why_a_message_without_a_row_starts_nothing(standing, post):
    """As ``celery call`` makes it, which knows nothing of our tasks."""
    sent = app.send_task.inner(tasks.count.name, args=[post.pk])
    standing.until_logged(f"has started nothing: no row has its id, {sent.id}")
    assert tasks.count.delayed(post).wait(PATIENCE) == 1


# --- queues and priorities ------------------------------------------------------------


def test_a_queue_of_its_own_is_served_by_its_own_worker(worker, user, monkeypatch):
    side = fresh_name("boogie_side")
    monkeypatch.setitem(vars(tasks.on_the_side), "queue", side)
    worker()
    row = tasks.on_the_side.delayed(user)
    assert row.queue == side
    tasks.whereabouts.delayed(user).wait(PATIENCE)
    row.refresh_from_db()
    assert row.is_queued
    try:
        second = worker("-Q", side, env={"BOOGIE_SIDE_QUEUE": side})
        row.wait(PATIENCE)
        assert row.worker == second.row.pk
        assert second.row.queues == [side]
    finally:
        delete_queues(side)


def test_the_higher_priority_runs_first(worker, user):
    for number in range(3):
        tasks.note_low.delayed(user, f"low {number}")
    rows = [tasks.note_high.delayed(user, f"high {number}") for number in range(3)]
    assert {row.priority for row in rows} == {9}
    worker(env={"BOOGIE_PREFETCH": "1"})
    wait_until(lambda: len(titles(user)) == 6, PATIENCE)
    assert [title.split()[0] for title in titles(user)] == ["high"] * 3 + ["low"] * 3
