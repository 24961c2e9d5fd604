"""Batches over real workers: their end is seen once, whoever dies."""

import pytest

from boogie.apps.tasks import Batch, batch
from tests.project.blog import batched
from tests.project.blog.models import Post
from tests.support.processes import PATIENCE
from tests.support.waiting import wait_until
from tests.workers.traces import all_ended, new_user

pytestmark = [pytest.mark.worker, pytest.mark.django_db(transaction=True)]

ROWS = 20
CALLED = {
    "on_success": batched.succeeded,
    "on_failure": batched.went_wrong,
    "on_end": batched.over,
}


@pytest.fixture
def posts():
    user = new_user()
    return [Post.objects.create(author=user, title=str(n)) for n in range(ROWS)]


def called(post):
    """Return what was called for an object, once all of that has ended."""
    rows = [row for task in CALLED.values() for row in task.tasks(post)]
    return {row.name.rpartition(".")[2]: row.get_result() for row in all_ended(*rows)}


def ended(month_end):
    wait_until(lambda: Batch.objects.get(pk=month_end.pk).is_ended, PATIENCE)
    return Batch.objects.get(pk=month_end.pk)


@pytest.mark.parametrize("pool", ["prefork", "threads"])
def test_what_many_workers_do_ends_once(worker, posts, pool):
    worker("-c", "3", pool=pool)
    worker("-c", "3", pool=pool)
    with batch(posts[0], **CALLED) as month_end:
        batched.piece.each(posts)
    found = month_end.wait(PATIENCE)
    assert found.counts()["finished"] == ROWS
    assert called(posts[0]) == {"succeeded": ROWS, "over": "finished"}


def test_children_that_die_at_the_end_of_their_rows_leave_it_to_a_keeper(worker, posts):
    worker("-c", "2")
    with batch(posts[0], **CALLED) as month_end:
        batched.killed_at_its_end.each(posts[:3])
    assert ended(month_end).status == "finished"
    assert called(posts[0]) == {"succeeded": 3, "over": "finished"}


def test_a_child_that_dies_in_its_row_ends_it_when_that_was_rescued(worker, posts):
    worker("-c", "2")
    with batch(posts[0], **CALLED) as month_end:
        batched.piece.delayed(posts[0], dies=1)
        batched.piece.delayed(posts[1])
    assert ended(month_end).status == "finished"
    assert called(posts[0]) == {"succeeded": 2, "over": "finished"}


def test_a_dead_worker_holds_up_its_batch_until_its_row_was_rescued(worker, posts):
    tasks = {"HEARTBEAT": 0.5, "WORKER_TIMEOUT": 3}
    doomed = worker("-c", "1", tasks=tasks)
    with batch(posts[0], **CALLED) as month_end:
        row = batched.piece.delayed(posts[0], 600)
    wait_until(lambda: month_end.rows.running().exists(), PATIENCE)
    doomed.kill()
    month_end.rows.update(args=[0])
    worker("-c", "1", tasks=tasks)
    assert ended(month_end).status == "finished"
    assert all_ended(row)[0].attempt == 2
    assert called(posts[0]) == {"succeeded": 1, "over": "finished"}


def test_failure_is_told_at_once_and_success_after_a_retry(worker, posts):
    worker("-c", "2")
    with batch(posts[0], **CALLED) as month_end:
        row = batched.fails_once.delayed(posts[0])
        batched.piece.each(posts[:3])
    assert ended(month_end).status == "failed"
    wait_until(lambda: batched.over.tasks(posts[0]).exists(), PATIENCE)
    assert set(called(posts[0])) == {"went_wrong", "over"}
    assert month_end.retry() == 1
    assert all_ended(row)[0].is_finished
    assert ended(month_end).status == "finished"
    assert called(posts[0])["succeeded"] == 4
    assert sum(task.tasks(posts[0]).count() for task in CALLED.values()) == 3
