"""
Database connections of a child: kept after a run that ended well, closed after one that raised.

On PostgreSQL, where the process that serves a connection has a number.
"""

from datetime import timedelta

import pytest
from django.db import connection

from tests.project import services
from tests.project.blog import tasks
from tests.support.processes import PATIENCE
from tests.support.waiting import wait_until
from tests.workers.traces import all_ended, titles

pytestmark = [
    pytest.mark.worker,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(services.DATABASE != "postgresql", reason="about PostgreSQL"),
]


def backend(user):
    """Return which backend served a run that ended well."""
    return tasks.backend.delayed(user).wait(PATIENCE)


def end_backend(number):
    """End a backend that still sleeps in its query, though nobody waits for it any more."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 10000)", [number])


def noted(user):
    return [int(title) for title in titles(user)]


def test_runs_that_end_well_share_one_connection(standing, user):
    rows = [tasks.backend.delayed(user) for _ in range(10)]
    results = [row.wait(PATIENCE) for row in rows]
    assert len({result["pid"] for result in results}) == 1
    assert len({result["backend"] for result in results}) == 1


def test_a_run_that_failed_is_followed_by_a_new_connection(standing, user):
    before = backend(user)
    (failed,) = all_ended(tasks.backend_then_fail.delayed(user))
    assert failed.is_failed
    after = backend(user)
    assert after["pid"] == before["pid"]
    assert noted(user) == [before["backend"]]
    assert after["backend"] != before["backend"]


def test_a_soft_time_limit_that_interrupts_a_query_is_followed_by_a_new_connection(standing, user):
    before = backend(user)
    (failed,) = all_ended(tasks.backend_then_overstay.delayed(user))
    assert failed.error.startswith("SoftTimeLimitExceeded")
    after = backend(user)
    end_backend(before["backend"])
    assert after["pid"] == before["pid"]
    assert noted(user) == [before["backend"]]
    assert after["backend"] != before["backend"]


def test_with_a_pool_of_connections_no_fork_ends_those_of_the_parent(worker, user):
    one = worker("--max-tasks-per-child", "1", env={"DATABASE_POOL": "4"}, python=("-W", "always"))
    rows = [tasks.backend.delayed(user) for _ in range(10)]
    assert len({row.wait(PATIENCE)["pid"] for row in rows}) == 10
    one.terminate()
    assert one.wait() == 0
    for trouble in (
        "server closed",
        "terminat",
        "cannot ask",
        "tries again",
        "Traceback",
        "fork()",
    ):
        assert trouble not in one.log.partition(" ready.")[2]


def test_the_threads_of_a_worker_share_the_smallest_pool(worker, user):
    one = worker("-c", "1", env={"DATABASE_POOL": "1"})
    # Long enough for each thread to have had something to do, those of the jobs as well.
    began = one.row.seen
    wait_until(lambda: one.row.seen > began + timedelta(seconds=12), PATIENCE)
    assert [tasks.backend.delayed(user).wait(PATIENCE)["pid"] for _ in range(10)]
    assert "couldn't get a connection" not in one.log


def test_plain_tasks_keep_the_behaviour_of_celery(standing, user):
    before = backend(user)
    for count in (1, 2):
        tasks.plain_backend.delay(user.pk)
        wait_until(lambda expected=count: len(titles(user)) == expected, PATIENCE)
    after = backend(user)
    assert after["pid"] == before["pid"]
    assert len({before["backend"], *noted(user), after["backend"]}) == 4
