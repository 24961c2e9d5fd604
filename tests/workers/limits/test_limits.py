"""Limits over real workers: who runs at the same time, in which order, and after whose death."""

from datetime import timedelta
from itertools import pairwise

import pytest
from django.db import connection

from boogie.apps.tasks import Task
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.models import Slot
from tests.project import services
from tests.project.blog import limited
from tests.project.blog.models import Post
from tests.support.processes import PATIENCE
from tests.support.waiting import wait_until
from tests.workers.traces import all_ended, new_user

pytestmark = [pytest.mark.worker, pytest.mark.django_db(transaction=True)]

ROWS = 12
FAST = connection.vendor == "postgresql" or services.BROKER != "boogie"


def posts_of(user, number):
    return [Post.objects.create(author=user, title=str(n)) for n in range(number)]


def most_at_once(rows):
    """Return how many of the rows ran at the same time, by the database's clock."""
    # Whoever ended at a moment makes room for who starts then.
    events = [(row.started, 1) for row in rows] + [(row.ended, -1) for row in rows]
    now = most = 0
    for _moment, change in sorted(events):
        now += change
        most = max(most, now)
    return most


@pytest.mark.parametrize("pool", ["prefork", "threads"])
def test_rows_of_one_key_run_one_after_the_other_in_the_order_of_their_creation(worker, pool):
    worker("-c", "3", pool=pool)
    worker("-c", "3", pool=pool)
    rows = [limited.alone.delayed(post, 0.02) for post in posts_of(new_user(), ROWS)]
    ended = all_ended(*rows)
    assert {row.status for row in ended} == {"finished"}
    assert most_at_once(ended) == 1
    assert [row.started for row in ended] == sorted(row.started for row in ended)
    assert {row.attempt for row in ended} == {1}
    wait_until(lambda: not Slot.objects.exists(), PATIENCE)


def test_never_more_than_n_run_though_many_could(worker):
    worker("-c", "4")
    worker("-c", "4")
    rows = limited.few.each(posts_of(new_user(), 3 * ROWS), 0.1)
    ended = all_ended(*rows)
    assert most_at_once(ended) <= 3
    # A database that is asked once a second finds each only then.
    assert most_at_once(ended) > 1 or not FAST


def test_the_slot_of_a_dead_child_is_free_when_its_row_is_rescued(worker):
    worker("-c", "2")
    first, second = posts_of(new_user(), 2)
    rows = [limited.alone.delayed(first, dies=1), limited.alone.delayed(second)]
    ended = all_ended(*rows)
    assert {row.status for row in ended} == {"finished"}
    assert [row.attempt for row in ended] == [2, 1]
    assert most_at_once(ended) == 1


def test_the_slot_of_a_dead_worker_is_free_when_its_row_is_rescued(worker):
    tasks = {"HEARTBEAT": 0.5, "WORKER_TIMEOUT": 3}
    doomed = worker("-c", "1", tasks=tasks)
    first, second = posts_of(new_user(), 2)
    row = limited.alone.delayed(first, 600)
    running = Task.objects.filter(pk=row.pk).running()
    wait_until(running.exists, PATIENCE)
    waiting = limited.alone.delayed(second)
    doomed.kill()
    worker("-c", "1", tasks=tasks)
    ended = all_ended(row, waiting)
    assert [one.attempt for one in ended] == [2, 1]
    assert most_at_once(ended) == 1


def test_a_rate_starts_evenly_over_all_workers(worker):
    worker("-c", "2")
    worker("-c", "2")
    rows = [limited.paced.delayed(post) for post in posts_of(new_user(), 30)]
    starts = sorted(row.started for row in all_ended(*rows))
    gaps = [after - before for before, after in pairwise(starts)]
    assert min(gaps) >= timedelta(milliseconds=49)


def test_a_row_that_is_cancelled_makes_room(worker):
    worker("-c", "2")
    first, second = posts_of(new_user(), 2)
    row, waiting = limited.alone.delayed(first, 600), limited.alone.delayed(second)
    wait_until(Task.objects.filter(pk=row.pk).running().exists, PATIENCE)
    row.cancel(terminate=True)
    assert all_ended(waiting)[0].is_finished


def test_a_frozen_run_that_wakes_writes_to_no_slot_of_its_successor(worker):
    worker("-c", "2")
    first, second, third = posts_of(new_user(), 3)
    row = limited.alone.delayed(first, 1.0)
    wait_until(Task.objects.filter(pk=row.pk).running().exists, PATIENCE)
    # As if another keeper had taken its worker for dead.
    Task.objects.filter(pk=row.pk).running().update(
        status="queued", started=None, losses=1, due=Moment(60), not_before=Moment(60)
    )
    rows = [limited.alone.delayed(post, 1.5) for post in (second, third)]
    ended = all_ended(*rows)
    assert most_at_once(ended) == 1


def test_celerys_own_rate_limit_holds_in_each_worker_as_it_does_there(worker):
    worker("-c", "2")
    rows = [limited.by_celery.delayed(post) for post in posts_of(new_user(), 9)]
    last = max(row.started for row in all_ended(*rows))
    # Of a bucket that holds one. A first start may be late: its process has everything to learn.
    assert last - rows[0].created >= timedelta(seconds=8 * 0.25)
