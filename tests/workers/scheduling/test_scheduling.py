"""Slots over real workers: each is made once, whoever dies meanwhile."""

from collections import Counter
from datetime import timedelta
from functools import partial

import pytest

from boogie.apps.tasks import Schedule, Task
from boogie.apps.tasks.db.clock import Moment
from tests.project.blog import tasks
from tests.project.blog.models import Post
from tests.support.processes import PATIENCE
from tests.support.waiting import wait_until
from tests.workers.traces import new_user

pytestmark = [pytest.mark.worker, pytest.mark.django_db(transaction=True)]

#: What workers declare that import this; the process of the test does not.
NIGHTLY = ("-I", "tests.project.nightly")
NAME = "tests.nightly"
POSTS = 6000
#: A dead worker is no keeper; whoever lives looks after what it has left.
SOON = {"HEARTBEAT": 1, "WORKER_TIMEOUT": 4}


def make_posts(number):
    author = new_user()
    posts = [Post(author=author, title=str(n)) for n in range(number)]
    return {str(post.pk) for post in Post.objects.bulk_create(posts, batch_size=1000)}


def let_it_begin():
    """Have the slot come now that a worker has declared."""
    wait_until(lambda: Schedule.objects.filter(name=NAME).exists(), PATIENCE)
    Schedule.objects.filter(name=NAME).update(next_run=Moment())


def made():
    return Counter(Task.objects.filter(name=NAME).values_list("object_id", flat=True))


def is_in_its_midst():
    return Schedule.objects.get(name=NAME).slot is not None


def has_made(number):
    return Task.objects.filter(name=NAME).count() >= number


def is_done():
    one = Schedule.objects.get(name=NAME)
    return one.slot is None and one.last_run is not None


def test_a_slot_of_a_keeper_that_was_killed_is_made_to_its_end_by_another(worker):
    keys = make_posts(POSTS)
    first = worker(*NIGHTLY, tasks=SOON)
    let_it_begin()
    wait_until(is_in_its_midst, PATIENCE, pause=0.02)
    first.kill()
    assert not is_done()
    begun = len(made())
    worker(*NIGHTLY, tasks=SOON)
    wait_until(is_done, PATIENCE)
    assert 0 < begun < POSTS
    assert made() == Counter(keys)


def test_keepers_that_are_killed_one_after_the_other_leave_none_out_and_make_none_twice(worker):
    keys = make_posts(POSTS)
    workers = [worker(*NIGHTLY, tasks=SOON), worker(*NIGHTLY, tasks=SOON)]
    let_it_begin()
    for share in (1, 2, 3):
        wait_until(partial(has_made, share * POSTS // 5), PATIENCE, pause=0.02)
        workers.pop(0).kill()
        workers.append(worker(*NIGHTLY, tasks=SOON))
    wait_until(is_done, PATIENCE)
    assert made() == Counter(keys)


def test_several_keepers_make_each_slot_once(worker):
    post = Post.objects.create(author=new_user(), title="often")
    for _ in range(3):
        worker()
    schedule = tasks.whereabouts.repeat(timedelta(seconds=2), post.author)
    begin = schedule.next_run
    wait_until(lambda: Task.objects.finished().count() >= 4, PATIENCE)
    schedule.pause()
    schedule.refresh_from_db()
    slots = (schedule.next_run - begin) // timedelta(seconds=2)
    assert Task.objects.count() <= slots
    assert schedule.last_run is not None
