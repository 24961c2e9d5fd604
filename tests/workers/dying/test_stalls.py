"""What holds up every worker at once makes none of them dead: a table that is locked, a host."""

import os
import signal

import pytest
from django.db import connection, transaction

from boogie.apps.tasks import Task, Worker
from boogie.apps.tasks.db.clock import Moment
from tests.project import services
from tests.project.blog import tasks
from tests.project.blog.models import Post
from tests.support.processes import PATIENCE
from tests.support.waiting import wait_until
from tests.workers.traces import let_go, new_user

pytestmark = [
    pytest.mark.worker,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        (services.DATABASE, services.BROKER) != ("postgresql", "boogie"),
        reason="eight workers on one leg are enough; tests/db/keeper has the other databases",
    ),
]

WORKERS = 8
TIMES = {"HEARTBEAT": 1, "WORKER_TIMEOUT": 8}
#: Longer than a worker may be silent.
STALL = TIMES["WORKER_TIMEOUT"] + 1


@pytest.fixture
def posts(worker, queue):
    """Posts that eight workers hold on to, of which each has beaten for long enough to judge."""
    queues = [f"{queue}_{number}" for number in range(WORKERS)]
    workers = [worker("-Q", name, tasks=TIMES, ready=False) for name in queues]
    for one in workers:
        one.until_ready()
    author = new_user()
    posts = [Post.objects.create(author=author, title="held") for _ in queues]
    for post, name in zip(posts, queues, strict=True):
        Task.objects.filter(pk=tasks.hold.paused(post).pk).update(queue=name)
    Task.objects.all().run()
    wait_until(lambda: Task.objects.running().count() == WORKERS, PATIENCE)
    judges = Worker.objects.steady(TIMES["WORKER_TIMEOUT"], TIMES["WORKER_TIMEOUT"])
    wait_until(lambda: judges.count() == WORKERS, PATIENCE)
    yield posts
    for post in posts:
        let_go(post)
    for one in workers:
        one.terminate()  # all at once


def lock_the_tables():
    """Keep everybody from the tables for a while, as a migration does."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("LOCK TABLE boogie_tasks_worker, boogie_tasks_task IN ACCESS EXCLUSIVE MODE")
        cursor.execute("SELECT pg_sleep(%s)", [STALL])


def freeze_everybody():
    """Stop all processes of all workers for a while, as a host that sleeps does."""
    pids = list(Worker.objects.values_list("pid", flat=True))
    for pid in pids:
        os.killpg(pid, signal.SIGSTOP)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(%s)", [STALL])
    for pid in pids:
        os.killpg(pid, signal.SIGCONT)


def all_are_heard():
    return Worker.objects.filter(seen__gt=Moment(-TIMES["HEARTBEAT"] * 2)).count() == WORKERS


def test_a_stall_that_is_longer_than_a_lease_makes_no_worker_dead(posts):
    for stall in (lock_the_tables, freeze_everybody):
        stall()
        wait_until(all_are_heard, PATIENCE)
    for post in posts:
        let_go(post)
    wait_until(lambda: Task.objects.ended().count() == WORKERS, PATIENCE)
    histories = Task.objects.values_list("status", "attempt", "losses", "errors")
    assert list(histories) == [("finished", 1, 0, [])] * WORKERS
