"""Instances among arguments, and rows with other options, in real workers."""

import pytest

from boogie.apps.tasks import TaskFailed
from tests.project.blog import tasks
from tests.project.blog.models import Post, User
from tests.support.names import fresh_name
from tests.support.processes import PATIENCE
from tests.support.queues import delete_queues
from tests.support.waiting import wait_until
from tests.workers.traces import titles

pytestmark = [pytest.mark.worker, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def bob(user):
    return User.objects.create(username=fresh_name("bob"))


def test_instances_arrive_in_a_worker_also_by_a_retry(standing, user, bob):
    post = Post.objects.create(author=user, title="mine")
    row = tasks.hand_over.delayed(user, post, to=bob, also=[user])
    assert row.wait(PATIENCE) == ["Post mine", f"User {bob.username}", f"User {user.username}"]
    assert row.attempt == 2
    post.refresh_from_db()
    assert post.author == bob
    assert row.get_arguments() == ([post, bob], {"also": [user]})


def test_a_coroutine_gets_instances(standing, user, bob):
    assert tasks.hand_over_async.delayed(user, to=bob).wait(PATIENCE) == bob.username


def test_an_instance_that_is_gone_fails_the_row_in_a_worker(standing, user, bob):
    row = tasks.hand_over.paused(user, bob, to=bob)
    bob.delete()
    row.run()
    with pytest.raises(TaskFailed, match=r"ObjectGone: .*argument 'post' refers to blog\.user:"):
        row.wait(PATIENCE)
    assert (row.attempt, row.retries) == (1, 0)


def test_another_queue_is_where_the_row_is_rung_for(worker, user):
    side = fresh_name("boogie_side")
    worker()
    row = tasks.whereabouts.using(queue=side).delayed(user)
    assert row.queue == side
    tasks.whereabouts.delayed(user).wait(PATIENCE)
    row.refresh_from_db()
    assert row.is_queued
    try:
        second = worker("-Q", side)
        row.wait(PATIENCE)
        assert row.worker == second.row.pk
        later = tasks.whereabouts.using(queue=side).schedule(0.1, user)
        later.wait(PATIENCE)
        assert later.worker == second.row.pk
    finally:
        delete_queues(side)


def test_a_higher_priority_of_one_call_runs_first(worker, user):
    for number in range(3):
        tasks.note_low.delayed(user, f"low {number}")
    for number in range(3):
        tasks.note_low.using(priority=9).delayed(user, f"high {number}")
    worker(env={"BOOGIE_PREFETCH": "1"})
    wait_until(lambda: len(titles(user)) == 6, PATIENCE)
    assert [title.split()[0] for title in titles(user)] == ["high"] * 3 + ["low"] * 3
