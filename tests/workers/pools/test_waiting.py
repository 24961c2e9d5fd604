"""Many bodies that wait, in one process: the database has few connections of theirs."""

import pytest

from boogie.apps.tasks import Task
from tests.project import services
from tests.project.blog import waiting
from tests.project.blog.models import Post
from tests.support.processes import PATIENCE
from tests.support.sessions import others
from tests.support.waiting import wait_until
from tests.workers.traces import all_ended, new_user

pytestmark = [
    pytest.mark.worker,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(services.DATABASE == "sqlite", reason="there is no server to count"),
]

#: All that a worker has, what is its own included.
BOUND = 20


def all_at_once(body, number, path):
    """Make rows and wait until all their bodies wait; return them."""
    users = [new_user() for _ in range(number)]
    Post.objects.bulk_create(Post(author=user, title="waiting") for user in users)
    rows = [body.delayed(user, str(path)) for user in users]
    wait_until(lambda: Post.objects.filter(views=1).count() == number, PATIENCE)
    return rows


@pytest.mark.parametrize(
    ("pool", "number", "body"),
    [
        ("threads", 50, waiting.wait),
        ("gevent", 200, waiting.wait),
        ("threads", 50, waiting.await_it),
    ],
    ids=["threads", "gevent", "coroutines"],
)
def test_bodies_that_wait_have_no_connection(worker, tmp_path, pool, number, body):
    before = others()
    one = worker("-c", str(number), pool=pool, tasks={"WORKER_CONNECTIONS": 12})
    rows = all_at_once(body, number, tmp_path / "go on")
    assert Task.objects.running().count() == number
    assert others() - before <= BOUND
    (tmp_path / "go on").touch()
    assert {row.wait(PATIENCE) for row in rows} == {one.pid}
    assert {row.attempt for row in rows} == {1}
    assert set(Post.objects.values_list("views", flat=True)) == {2}
    assert others() - before <= BOUND
    one.terminate()
    assert one.wait() == 0
    assert "another one is opened" not in one.log


@pytest.mark.parametrize("pool", ["threads", "gevent"])
def test_transactions_are_not_shared_and_what_is_left_behind_is_not_handed_on(worker, pool):
    one = worker("-c", "10", pool=pool, tasks={"WORKER_CONNECTIONS": 3})
    users = [new_user() for _ in range(30)]
    Post.objects.bulk_create(Post(author=user, title="together") for user in users)
    careless = [waiting.careless.delayed(user, n) for n, user in enumerate(users)]
    rows = [waiting.together.delayed(user, fails=n % 2 == 1) for n, user in enumerate(users)]
    ended = all_ended(*rows)
    assert [row.status for row in ended] == ["finished", "failed"] * 15
    assert {row.attempt for row in ended} == {1}
    views = dict(Post.objects.values_list("author_id", "views"))
    assert [views[user.pk] for user in users] == [2, 0] * 15
    # Those that have settled in a transaction which nobody commits are run again, and given up.
    assert {row.status for row in all_ended(*careless[2::3])} == {"finished"}
    one.check()


def test_without_the_setting_each_body_has_its_own(worker, tmp_path):
    before = others()
    worker("-c", "25", pool="threads")
    rows = all_at_once(waiting.wait, 25, tmp_path / "go on")
    assert others() - before >= 25
    (tmp_path / "go on").touch()
    assert len({row.wait(PATIENCE) for row in rows}) == 1
