"""Chains over real workers: in which order rows run, and after whose death."""

import itertools

import pytest

from boogie.apps.tasks import Task
from boogie.apps.tasks.chains import watch
from tests.project.blog import chained
from tests.project.blog.models import Post
from tests.support.processes import PATIENCE
from tests.support.waiting import wait_until
from tests.workers.traces import all_ended, new_user

pytestmark = [pytest.mark.worker, pytest.mark.django_db(transaction=True)]

step = chained.step


@pytest.fixture
def posts():
    user = new_user()
    return [Post.objects.create(author=user, title=str(n)) for n in range(5)]


def in_order(*rows):
    return all(before.ended <= after.started for before, after in itertools.pairwise(rows))


@pytest.mark.parametrize("pool", ["prefork", "threads"])
def test_a_chain_a_fan_out_and_a_join_run_in_their_order(worker, posts, pool):
    worker("-c", "3", pool=pool)
    worker("-c", "3", pool=pool)
    first = step.delayed(posts[0], "first")
    second = step.using(after=first).delayed(posts[0], "second")
    middle = step.using(after=second).each(posts, "middle")
    last = step.using(after=middle).delayed(posts[0], "last")
    first, second, *ended, last = all_ended(first, second, *middle, last)
    assert {row.status for row in (first, second, *ended, last)} == {"finished"}
    for one in ended:
        assert in_order(first, second, one, last)
    assert last.get_result() == [*[[[["first"], "second"], "middle"]] * 5, "last"]


def test_a_run_whose_child_dies_keeps_those_behind_waiting_until_it_has_finished(worker, posts):
    worker("-c", "2")
    first = step.delayed(posts[0], "first", dies=1)
    last = step.using(after=first).delayed(posts[0], "last")
    first, last = all_ended(first, last)
    assert (first.attempt, last.attempt) == (2, 1)
    assert in_order(first, last)


def test_who_is_killed_before_it_tells_of_its_end_leaves_it_to_a_keeper(worker, posts):
    worker("-c", "2")
    rows = [chained.killed_at_its_end.delayed(post) for post in posts[:2]]
    last = step.using(after=rows).delayed(posts[0], "last")
    (ended,) = all_ended(last)
    assert ended.get_result() == [None, None, "last"]
    assert {row.status for row in all_ended(*rows)} == {"finished"}
    wait_until(lambda: not watch.unsettled().exists(), PATIENCE)


def test_those_behind_a_worker_that_dies_go_on_when_its_row_was_rescued(worker, posts):
    tasks = {"HEARTBEAT": 0.5, "WORKER_TIMEOUT": 3}
    doomed = worker("-c", "1", tasks=tasks)
    first = step.delayed(posts[0], "first", 600)
    last = step.using(after=first).delayed(posts[0], "last")
    wait_until(Task.objects.filter(pk=first.pk).running().exists, PATIENCE)
    doomed.kill()
    Task.objects.filter(pk=first.pk).update(args=["first", 0])
    worker("-c", "1", tasks=tasks)
    first, last = all_ended(first, last)
    assert [first.attempt, last.attempt] == [2, 1]
    assert last.get_result() == [["first"], "last"]


def test_a_retry_by_hand_goes_on_with_the_chain(worker, posts):
    worker("-c", "1")
    first = chained.fails_once.delayed(posts[0])
    last = step.using(after=first).delayed(posts[0], "last")
    (failed,) = all_ended(first)
    assert failed.is_failed
    last.refresh_from_db()
    assert last.is_queued
    assert list(last.waits_for) == [failed]
    assert failed.retry()
    assert all_ended(last)[0].get_result() == ["at last", "last"]
