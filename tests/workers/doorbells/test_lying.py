"""Rows that one worker has got, or whose doorbell is lost, run where a worker is idle."""

import signal

import pytest

from boogie.apps.tasks import Task
from boogie.apps.tasks.db.clock import Moment
from tests.project.blog import tasks
from tests.support.processes import PATIENCE
from tests.support.project_worker import NEVER
from tests.support.waiting import wait_until
from tests.workers.traces import all_ended, has_begun, let_go

pytestmark = [pytest.mark.worker, pytest.mark.django_db(transaction=True)]

#: No doorbell is rung again in time.
TASKS = {"RING_AGAIN": NEVER}


@pytest.fixture
def posts(user):
    return [user.posts.create(title=str(number)) for number in range(2)]


def busy(worker, post, *options):
    """Start a worker whose only process has a body that does not end; return both."""
    one = worker("-c", "1", *options, tasks=TASKS)
    holding = tasks.hold.delayed(post)
    wait_until(lambda: has_begun(post), PATIENCE)
    return one, holding


@pytest.mark.parametrize("pool", ["prefork", "threads", "solo"])
def test_what_a_busy_worker_has_got_is_run_by_an_idle_one(worker, user, posts, pool):
    one, holding = busy(worker, posts[0], "-P", pool)
    rows = Task.objects.filter(pk__in=[tasks.whereabouts.delayed(user).pk for _ in range(3)])
    other = worker("-c", "1", tasks=TASKS)
    ended = all_ended(*rows)
    assert {row.result["worker"] for row in ended} == {other.row.pk}
    assert [row.attempt for row in ended] == [1, 1, 1]
    let_go(posts[0])
    assert all_ended(holding)[0].attempt == 1
    one.terminate()
    assert one.wait() == 0
    assert "Traceback" not in one.log


def test_what_a_worker_had_got_that_was_killed_is_run_by_another(worker, user, posts):
    one, holding = busy(worker, posts[0])
    rows = [tasks.whereabouts.delayed(user) for _ in range(3)]
    one.kill()
    other = worker("-c", "2", tasks=TASKS)
    assert {row.result["worker"] for row in all_ended(*rows)} == {other.row.pk}
    let_go(posts[0])
    assert all_ended(holding)[0].attempt == 2


def test_a_frozen_worker_keeps_nothing_to_itself(worker, user, posts):
    one, holding = busy(worker, posts[0])
    rows = [tasks.whereabouts.delayed(user) for _ in range(3)]
    taken = Task.objects.filter(pk__in=[row.pk for row in rows], due__gt=Moment(1))
    wait_until(lambda: taken.count() == len(rows), PATIENCE)  # frozen amid that, it keeps locks
    one.signal(signal.SIGSTOP)
    try:
        other = worker("-c", "1", tasks=TASKS)
        assert {row.result["worker"] for row in all_ended(*rows)} == {other.row.pk}
    finally:
        one.signal(signal.SIGCONT)
    let_go(posts[0])
    assert all_ended(holding)[0].is_finished


def test_a_row_whose_doorbell_was_lost_is_run(worker, user):
    worker("-c", "1", tasks=TASKS)
    row = tasks.whereabouts.paused(user)
    # As if it had been published, and the broker had lost it.
    Task.objects.filter(pk=row.pk).update(status="queued", due=Moment(NEVER))
    assert all_ended(row)[0].is_finished


def test_a_worker_that_is_alone_runs_what_it_has_offered_once(worker, user, posts):
    one, holding = busy(worker, posts[0])
    rows = [tasks.whereabouts.delayed(user) for _ in range(9)]
    others = Task.objects.exclude(pk=holding.pk)
    seen = one.row.seen
    wait_until(lambda: one.row.seen > seen, PATIENCE)
    assert others.queued().count() == 9
    let_go(posts[0])
    assert [row.attempt for row in all_ended(*rows)] == [1] * 9
