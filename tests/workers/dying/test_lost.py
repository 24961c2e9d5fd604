"""Time limits, children that die, workers that die."""

import pytest

from tests.project.blog import tasks
from tests.support.processes import PATIENCE
from tests.support.waiting import wait_until
from tests.workers.traces import all_ended, has_begun, let_go, real_broker, runs_of, titles

pytestmark = [pytest.mark.worker, pytest.mark.django_db(transaction=True)]

WORKER_LOST = "boogie.apps.tasks.exceptions.WorkerLost"

deaths = pytest.mark.parametrize("how", ["exit", "kill"])


def still_works(user):
    return tasks.whereabouts.delayed(user).wait(PATIENCE)["attempt"] == 1


# --- time limits ----------------------------------------------------------------------


def test_a_hard_time_limit_fails_the_row_and_tells_on_failure_the_real_arguments(standing, user):
    row = tasks.limited_hard.delayed(user, "word", number=7)
    (ended,) = all_ended(row)
    assert ended.is_failed
    assert (ended.attempt, ended.losses) == (1, 0)
    assert ended.error.startswith("TimeLimitExceeded")
    wait_until(lambda: titles(user), PATIENCE)
    assert titles(user) == [f"TimeLimitExceeded ['word'] {{'number': 7}} {row.pk}"]
    assert still_works(user)


def test_a_soft_time_limit_fails_the_row_and_tells_on_failure_the_real_arguments(standing, user):
    row = tasks.limited_soft.delayed(user, "word", number=7)
    (ended,) = all_ended(row)
    assert ended.is_failed
    assert (ended.attempt, ended.losses) == (1, 0)
    assert ended.error.startswith("SoftTimeLimitExceeded")
    assert "time.sleep" in ended.errors[0]["traceback"]
    wait_until(lambda: titles(user), PATIENCE)
    assert titles(user) == [f"SoftTimeLimitExceeded ['word'] {{'number': 7}} {row.pk}"]
    assert still_works(user)


# --- children that die ----------------------------------------------------------------


@deaths
def test_a_row_whose_child_died_is_queued_again_and_finishes(standing, post, how):
    row = tasks.die.delayed(post, how, times=1)
    assert row.wait(PATIENCE) == 2
    assert (row.attempt, row.losses, row.retries) == (2, 1, 0)
    (error,) = row.errors
    assert error["type"] == WORKER_LOST
    assert error["worker"] == standing.row.pk


@deaths
def test_a_row_that_lost_too_many_children_fails(worker, post, how):
    worker(tasks={"MAX_LOSSES": 1})
    (ended,) = all_ended(tasks.die.delayed(post, how, times=9))
    assert ended.is_failed
    assert ended.attempt == runs_of(post) == 2
    assert [error["type"] for error in ended.errors] == [WORKER_LOST] * 2


@deaths
def test_a_row_that_must_not_be_rescued_fails_with_its_first_child(standing, post, how):
    (ended,) = all_ended(tasks.die_for_good.delayed(post, how, times=1))
    assert ended.is_failed
    assert ended.attempt == runs_of(post) == 1
    assert ended.errors[0]["type"] == WORKER_LOST
    assert still_works(post.author)


def test_nobody_waits_for_a_hook_that_takes_long_and_nothing_is_forked_beside_it(worker, post):
    one = worker("-c", "2")
    tasks.mourned.delayed(post)
    wait_until(lambda: has_begun(post), PATIENCE)
    (left,) = {tasks.whereabouts.delayed(post.author).wait(PATIENCE)["pid"] for _ in range(5)}
    assert [pid for pid in one.tree if pid != one.pid] == [left]
    let_go(post)
    wait_until(lambda: len(one.tree) == 3, PATIENCE)


@real_broker
def test_a_child_that_is_replaced_leaves_the_keepers_line_to_the_broker_alone(standing, post):
    tasks.count.schedule(0, post).wait(PATIENCE)  # rung by the keeper: its line is open
    before = standing.log.count("Cannot ")
    assert tasks.die.delayed(post, "exit", times=2).wait(PATIENCE) == 3
    assert tasks.count.schedule(0, post).wait(PATIENCE) == 4
    assert standing.log.count("Cannot ") == before


# --- workers that die -----------------------------------------------------------------


def runs_on_another(worker, post, options):
    """Kill a worker that runs a row; see that another one, with the same options, runs it again."""
    first = worker(tasks=options)
    row = tasks.hold_once.delayed(post)
    wait_until(lambda: has_begun(post), PATIENCE)
    identity = first.row.pk
    first.kill()
    second = worker(tasks=options)
    assert row.wait(PATIENCE) == 2
    assert row.worker == second.row.pk
    assert (row.attempt, row.losses) == (2, 1)
    assert (row.errors[0]["type"], row.errors[0]["worker"]) == (WORKER_LOST, identity)


def test_a_worker_sees_at_once_that_one_beside_it_was_killed(worker, post):
    runs_on_another(worker, post, {"WORKER_TIMEOUT": 3600})


def test_the_row_of_a_worker_that_was_killed_runs_on_another(worker, post, monkeypatch):
    monkeypatch.setenv("TESTS_ALONE", "1")  # as if it were on another host
    runs_on_another(worker, post, {"HEARTBEAT": 1, "WORKER_TIMEOUT": 8})
