"""The pool of greenlets: one process, in which bodies take turns whenever they wait."""

import pytest

from boogie.apps.tasks import Message, Worker
from tests.project import services
from tests.project.blog import tasks
from tests.project.blog.models import Post
from tests.project.shop import tasks as shop
from tests.project.shop.models import Product
from tests.support.processes import PATIENCE
from tests.support.sessions import others
from tests.support.waiting import wait_until
from tests.workers.diary import Diary, assert_cancelled_and_untouched, start, worker_goes_on
from tests.workers.traces import all_ended, has_begun, let_go, titles

pytestmark = [pytest.mark.worker, pytest.mark.django_db(transaction=True)]

SIZE = 10
#: The options and the pool of the worker that stands.
STANDING = (("-c", str(SIZE)), "gevent")


def test_bodies_run_at_the_same_time_in_the_process_of_the_worker(standing, user):
    posts = [Post.objects.create(author=user, title="held") for _ in range(SIZE)]
    rows = [tasks.hold.delayed(post) for post in posts]
    wait_until(lambda: all(map(has_begun, posts)), PATIENCE)
    for post in posts:
        let_go(post)
    assert {row.wait(PATIENCE) for row in rows} == {standing.pid}
    assert {row.attempt for row in rows} == {1}


def test_a_task_that_asks_for_retries_gets_them(standing, post):
    row = tasks.retry_by_hand.delayed(post, 2)
    assert row.wait(PATIENCE) == {"retries": 2, "attempt": 3}


def test_a_time_limit_ends_a_body_that_waits(standing, user):
    row = tasks.limited_hard.delayed(user, "word", number=1)
    (ended,) = all_ended(row)
    assert (ended.status, ended.attempt, ended.losses) == ("failed", 1, 0)
    assert ended.error.startswith("TimeLimitExceeded")
    wait_until(lambda: titles(user), PATIENCE)  # hooks are called once the row has moved
    assert titles(user) == [f"TimeLimitExceeded ['word'] {{'number': 1}} {row.pk}"]


def test_a_body_that_raises_system_exit_fails_at_once_and_the_worker_goes_on(standing, post):
    (ended,) = all_ended(tasks.leave.delayed(post, 1))
    assert (ended.status, ended.attempt, ended.losses) == ("failed", 1, 0)
    assert [error["type"] for error in ended.errors] == ["builtins.SystemExit"]
    assert tasks.leave.delayed(post, 1).wait(PATIENCE) == 2


def test_a_row_runs_when_its_time_has_come(standing, user):
    row = tasks.whereabouts.schedule(0.5, user)
    assert row.wait(PATIENCE)["pid"] == standing.pid
    assert row.started >= row.scheduled_for


def test_a_body_that_runs_a_program_keeps_its_connection(standing, user):
    assert tasks.run_a_program.delayed(user).wait(PATIENCE)


def test_a_plain_task_runs(standing, user):
    tasks.plain_note.delay(user.pk, "plain")
    wait_until(lambda: titles(user) == ["plain"], PATIENCE)
    wait_until(lambda: not Message.objects.exists(), PATIENCE)


def test_a_body_is_told_or_ended_and_a_warm_shutdown_waits_for_the_last(worker, post, tmp_path):
    one = worker(pool="gevent")
    diary = Diary(tmp_path / "diary")
    pen = Product.objects.create(name="pen")
    for body, terminate in ((shop.told_by_function, False), (shop.deaf, True)):
        row = start(body, pen, diary)
        assert row.cancel(terminate)
        # There is room for one at a time: the other has ended.
        assert worker_goes_on(pen) == one.pid
        assert_cancelled_and_untouched(row)
    assert len(diary.pids("told")) == 1
    row = tasks.hold.delayed(post)
    wait_until(lambda: has_begun(post), PATIENCE)
    one.terminate()
    one.until_logged("Warm shutdown")
    let_go(post)
    assert row.wait(PATIENCE) == one.pid
    assert row.attempt == 1
    assert one.wait() == 0
    assert not Worker.objects.filter(pk=row.worker).exists()


# --- connections ------------------------------------------------------------------------


def leaves_none_behind(hold, user):
    posts = [Post.objects.create(author=user, title="held") for _ in range(SIZE)]
    for post in posts:
        hold(post)
    wait_until(lambda: all(map(has_begun, posts)), PATIENCE)
    meanwhile = others()
    assert meanwhile >= SIZE
    for post in posts:
        let_go(post)
    # The worker itself may have opened one or two.
    wait_until(lambda: others() <= meanwhile - SIZE // 2, PATIENCE)


has_server = pytest.mark.skipif(services.DATABASE == "sqlite", reason="there is no server to count")


@has_server
def test_a_greenlet_of_a_plain_task_leaves_no_connection_behind(standing, user):
    leaves_none_behind(lambda post: tasks.plain_hold.delay(post.pk), user)


@has_server
def test_a_greenlet_that_borrows_none_leaves_none_behind(worker, user):
    worker("-c", str(SIZE), pool="gevent")
    leaves_none_behind(tasks.hold.delayed, user)
