"""Bodies that are coroutines, in real workers: their loop, their limits, and their ends."""

import pytest
from django.db import connection

from tests.project.blog import coroutines, tasks
from tests.project.blog.models import Post
from tests.support.processes import PATIENCE
from tests.support.waiting import wait_until
from tests.workers.traces import all_ended, has_begun, let_go, new_user, runs_of, titles

pytestmark = [pytest.mark.worker, pytest.mark.django_db(transaction=True)]

SOFT = "billiard.exceptions.SoftTimeLimitExceeded"


def still_works(user):
    return coroutines.talk.delayed(user, "there").wait(PATIENCE)["answer"] == "THERE"


# --- the loop -----------------------------------------------------------------------------


@pytest.mark.parametrize("pool", ["prefork", "solo", "threads"])
def test_what_one_run_has_opened_still_works_in_the_next(worker, user, pool):
    worker(pool=pool)
    rows = [coroutines.talk.delayed(user, f"word {number}") for number in range(5)]
    results = [row.wait(PATIENCE) for row in rows]
    assert [result["answer"] for result in results] == [f"WORD {number}" for number in range(5)]
    assert len({(result["pid"], result["loop"]) for result in results}) == 1


def test_bodies_in_threads_run_at_once_in_one_loop_with_their_own_rows(worker, user):
    worker("-c", "3", pool="threads")
    posts = [Post.objects.create(author=user, title="met") for _ in range(3)]
    rows = [coroutines.meet.delayed(post, 2) for post in posts]
    results = [row.wait(PATIENCE) for row in rows]
    assert [result[2] for result in results] == [str(row.pk) for row in rows]
    assert len({result[0] for result in results}) == 1
    assert len({result[1] for result in results}) == 3  # each the thread of its own run
    assert [runs_of(post) for post in posts] == [1, 1, 1]


@pytest.mark.once
def test_children_that_are_replaced_have_their_own_loop_and_none_is_forked_beside_a_thread(
    worker, user
):
    one = worker("--max-tasks-per-child", "1", python=("-W", "always"))
    coroutines.mourned.delayed(user)  # its hook runs in the main process
    wait_until(lambda: titles(user), PATIENCE)
    results = [coroutines.talk.delayed(user, "word").wait(PATIENCE) for _ in range(4)]
    assert len({result["pid"] for result in results}) == 4
    assert "fork()" not in one.log


@pytest.mark.once
def test_greenlets_are_refused_with_words(worker, user):
    worker(pool="gevent")
    (ended,) = all_ended(coroutines.talk.delayed(user, "word"))
    assert ended.is_failed
    assert "do not run in a pool of greenlets" in ended.error


# --- limits -------------------------------------------------------------------------------


@pytest.mark.once
@pytest.mark.parametrize(
    ("how", "notes"),
    [
        ("sleep", ["caught", "finally"]),
        ("thread", ["caught", "finally"]),
        ("timeout", ["caught", "finally"]),
        ("gather", ["child ended", "child ended", "caught", "finally"]),
    ],
)
def test_a_soft_limit_is_raised_in_the_coroutine(standing, user, how, notes):
    (ended,) = all_ended(coroutines.overstay.delayed(user, how))
    assert (ended.status, ended.attempt, ended.losses) == ("failed", 1, 0)
    assert ended.errors[0]["type"] == SOFT
    assert "in overstay" in ended.errors[0]["traceback"]
    assert sorted(titles(user)) == sorted(notes)
    assert titles(user)[-1] == "finally"
    assert still_works(user)


def test_a_soft_limit_cancels_the_children_of_a_task_group(standing, user):
    (ended,) = all_ended(coroutines.overstay.delayed(user, "group"))
    assert ended.errors[0]["type"] == SOFT
    wait_until(lambda: "child ended" in titles(user), PATIENCE)
    assert {"caught", "finally"} < set(titles(user))
    assert still_works(user)


def test_a_soft_limit_may_be_retried(standing, post):
    row = coroutines.overstay_once.delayed(post)
    assert row.wait(PATIENCE) == "in time"
    assert (row.attempt, row.retries) == (2, 1)


def test_a_hard_limit_fails_the_row(standing, user):
    (ended,) = all_ended(coroutines.overstay_hard.delayed(user))
    assert ended.is_failed
    assert ended.error.startswith("TimeLimitExceeded")
    assert still_works(user)


# --- ends ---------------------------------------------------------------------------------


def test_a_process_that_is_killed_in_the_midst_loses_its_run_which_runs_again(standing, post):
    row = coroutines.die.delayed(post)
    assert row.wait(PATIENCE) == "lives"
    assert (row.attempt, row.losses) == (2, 1)


def test_a_worker_that_is_killed_in_the_midst_leaves_its_rows_to_another(worker, post):
    quick = {"WORKER_TIMEOUT": 3, "HEARTBEAT": 1}
    one = worker(tasks=quick)
    row = coroutines.hold.delayed(post)
    wait_until(lambda: has_begun(post), PATIENCE)
    one.kill()
    worker(tasks=quick)
    wait_until(lambda: has_begun(post, 2), PATIENCE)
    let_go(post)
    row.wait(PATIENCE)
    assert (row.attempt, row.losses) == (2, 1)


@pytest.mark.once
@pytest.mark.parametrize("pool", ["prefork", "solo", "threads"])
def test_a_warm_shutdown_lets_the_coroutine_end(worker, post, pool):
    one = worker(pool=pool)
    row = coroutines.hold.delayed(post)
    wait_until(lambda: has_begun(post), PATIENCE)
    one.terminate()
    one.until_logged("Warm shutdown")
    let_go(post)
    row.wait(PATIENCE)
    assert row.attempt == 1
    assert one.wait() == 0


@pytest.mark.parametrize("body", [coroutines.ask, coroutines.follow])
def test_a_coroutine_learns_that_its_row_was_cancelled(standing, post, body):
    row = body.delayed(post)
    wait_until(lambda: has_begun(post), PATIENCE)
    assert row.cancel()
    assert still_works(post.author)  # the one child is free again
    row.refresh_from_db()
    assert (row.status, row.errors) == ("cancelled", [])


def test_a_coroutine_that_is_terminated_does_its_finally(standing, post):
    row = coroutines.last_words.delayed(post)
    wait_until(lambda: has_begun(post), PATIENCE)
    assert row.cancel(terminate=True)
    wait_until(lambda: "last words" in titles(post.author), PATIENCE)
    assert still_works(post.author)
    row.refresh_from_db()
    assert (row.status, row.attempt) == ("cancelled", 1)


def test_a_coroutine_that_holds_up_its_loop_is_terminated_all_the_same(standing, post):
    row = coroutines.block.delayed(post)
    wait_until(lambda: has_begun(post), PATIENCE)
    assert row.cancel(terminate=True)
    assert still_works(post.author)
    row.refresh_from_db()
    assert row.status == "cancelled"


# --- connections --------------------------------------------------------------------------


@pytest.mark.skipif(connection.vendor != "postgresql", reason="asks PostgreSQL")
def test_connections_are_kept_as_for_a_plain_body_and_replaced_when_they_broke(standing):
    user = new_user()
    first = coroutines.backend.delayed(user).wait(PATIENCE)
    assert coroutines.backend.delayed(user).wait(PATIENCE) == first
    (broken,) = all_ended(coroutines.backend.delayed(user, breaks=True))
    assert broken.is_failed
    assert coroutines.backend.delayed(user).wait(PATIENCE) != first
    assert tasks.whereabouts.delayed(user).wait(PATIENCE)["pid"]
