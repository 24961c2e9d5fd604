"""Celery's pools, and children that are replaced all the time."""

import pytest

from tests.project.blog import tasks
from tests.support.processes import PATIENCE
from tests.workers.traces import all_ended

pytestmark = [pytest.mark.worker, pytest.mark.django_db(transaction=True)]


def test_children_that_are_replaced_after_every_task_finish_all_rows(worker, user):
    one = worker("-c", "2", "--max-tasks-per-child", "1", python=("-W", "always"))
    rows = all_ended(*(tasks.whereabouts.delayed(user) for _ in range(12)))
    assert {row.status for row in rows} == {"finished"}
    assert {row.attempt for row in rows} == {1}
    assert len({row.result["pid"] for row in rows}) == 12
    # Forking with a second thread alive can deadlock; Python 3.12 and later warn of it.
    assert "fork()" not in one.log


@pytest.mark.parametrize("pool", ["threads", "solo"])
def test_rows_run_in_pools_without_children(worker, user, pool):
    one = worker(pool=pool)
    rows = [tasks.whereabouts.delayed(user) for _ in range(3)]
    assert [row.wait(PATIENCE)["pid"] for row in rows] == [one.pid] * 3


@pytest.mark.parametrize("pool", ["prefork", "solo", "threads"])
def test_a_body_that_raises_system_exit_fails_at_once_and_the_worker_goes_on(worker, post, pool):
    one = worker(pool=pool)
    row = tasks.leave.delayed(post, 1)
    (ended,) = all_ended(row)
    assert (ended.status, ended.attempt, ended.losses) == ("failed", 1, 0)
    assert [error["type"] for error in ended.errors] == ["builtins.SystemExit"]
    again = tasks.leave.delayed(post, 1)
    assert again.wait(PATIENCE) == 2
    assert again.worker == one.row.pk
