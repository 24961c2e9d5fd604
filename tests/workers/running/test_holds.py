"""Queues and tasks that are held, with workers: nothing starts, and after the release all of it."""

import signal
import subprocess
import sys

import pytest
from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.utils import timezone

from boogie.apps.tasks import Task, queues
from boogie.apps.tasks.lifecycle import parking
from tests.project.blog import tasks
from tests.project.blog.models import Post
from tests.support.processes import PATIENCE
from tests.support.project_worker import environment
from tests.support.waiting import wait_until
from tests.workers.running import releases_and_dies
from tests.workers.traces import all_ended, has_begun, let_go, new_user, runs_of

pytestmark = [pytest.mark.worker, pytest.mark.django_db(transaction=True)]

#: Rows that sleep when their release is killed; each statement wakes some hundred.
ASLEEP = 10_000


def new_post():
    return Post.objects.create(author=new_user(), title="held")


def test_a_row_of_a_held_task_is_parked_and_starts_after_the_release(standing):
    post = new_post()
    tasks.count.hold(reason="why")
    try:
        row = tasks.count.delayed(post)
        wait_until(lambda: Task.objects.get(pk=row.pk).held_by, PATIENCE)
        assert not runs_of(post)
    finally:
        tasks.count.release()
    (row,) = all_ended(row)
    assert (row.is_finished, row.attempt, runs_of(post)) == (True, 1, 1)


def test_no_row_of_a_held_queue_starts_while_its_other_messages_are_read(standing):
    post, queue = new_post(), settings.CELERY_TASK_DEFAULT_QUEUE
    queues.hold(queue)
    try:
        row = tasks.count.delayed(post)
        user = new_user()
        for _ in range(3):  # what lies behind it in the queue
            tasks.plain_note.delay(user.pk, "noted")
        wait_until(lambda: user.posts.count() == 3, PATIENCE)
        assert not runs_of(post)
    finally:
        queues.release(queue)
    (row,) = all_ended(row)
    assert (row.is_finished, row.attempt) == (True, 1)


def test_what_runs_goes_on_and_what_it_retries_waits(standing):
    post, other = new_post(), new_post()
    row = tasks.hold.delayed(post)
    wait_until(lambda: has_begun(post), PATIENCE)
    tasks.hold.hold()
    try:
        let_go(post)
        (row,) = all_ended(row)
        assert row.is_finished
        waiting = tasks.hold.delayed(other)
        wait_until(lambda: Task.objects.get(pk=waiting.pk).held_by, PATIENCE)
        assert waiting.cancel()
    finally:
        tasks.hold.release()


def test_the_rows_of_a_release_that_is_killed_are_woken_by_a_keeper(standing):
    post, queue = new_post(), "nobody.serves.it"
    kind = ContentType.objects.get_for_model(Post)
    row = {
        "name": tasks.count.name,
        "content_type": kind,
        "object_id": str(post.pk),
        "object_db": "default",
        "queue": queue,
        "status": "queued",
        "due": None,
        "held_by": f"queue:{queue}",
    }
    queues.hold(queue)
    now = timezone.now()
    Task.objects.bulk_create([Task(created=now, **row) for _ in range(ASLEEP)], batch_size=500)
    asleep = parking.parked(Task.objects.all(), f"queue:{queue}")
    command = [sys.executable, "-m", releases_and_dies.__name__, queue]
    killed = subprocess.run(command, env=environment(settings.CELERY_TASK_DEFAULT_QUEUE))
    assert killed.returncode == -signal.SIGKILL
    wait_until(lambda: not asleep.exists(), PATIENCE)
    assert Task.objects.filter(queue=queue).queued().count() == ASLEEP
    assert queues.held() == []
    Task.objects.filter(queue=queue)._raw_delete("default")
