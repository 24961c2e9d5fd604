"""How far a body is, seen from outside while a real worker runs it."""

import pytest

from boogie.apps.tasks import Progress
from tests.project.blog import tasks
from tests.support.processes import PATIENCE
from tests.support.waiting import wait_until
from tests.workers.traces import let_go

pytestmark = [pytest.mark.worker, pytest.mark.django_db(transaction=True)]

THIRD_STEP = Progress(2, 4, "striding", 0.5)
LAST_STEP = Progress(4, 4, "striding", 1.0)


def is_at(row, attempt, progress):
    row.refresh_from_db()
    return row.attempt == attempt and row.progress == progress


def steps(row):
    return [line["message"] for line in row.log]


def test_the_bar_and_the_log_are_seen_while_the_body_runs(standing, post):
    row = tasks.stride.delayed(post)
    wait_until(lambda: is_at(row, 1, THIRD_STEP), PATIENCE)
    assert row.is_running
    assert steps(row) == ["step 0 of attempt 1", "step 1 of attempt 1"]
    let_go(post)
    row.wait(PATIENCE)
    assert row.progress == LAST_STEP
    assert steps(row) == [f"step {number} of attempt 1" for number in range(4)]


def test_after_a_kill_the_bar_begins_anew_and_the_log_goes_on(standing, post):
    row = tasks.stride.delayed(post, dies=True)
    wait_until(lambda: is_at(row, 2, THIRD_STEP), PATIENCE)
    let_go(post)
    row.wait(PATIENCE)
    assert (row.attempt, row.losses, row.progress) == (2, 1, LAST_STEP)
    assert steps(row) == [
        *(f"step {number} of attempt 1" for number in range(2)),
        *(f"step {number} of attempt 2" for number in range(4)),
    ]


def test_a_row_that_is_cancelled_stops_its_loop(standing, post):
    row = tasks.stride.delayed(post)
    wait_until(lambda: is_at(row, 1, THIRD_STEP), PATIENCE)
    assert row.cancel()
    let_go(post)
    assert tasks.whereabouts.delayed(post.author).wait(PATIENCE)
    row.refresh_from_db()
    assert row.is_cancelled
    assert row.progress == THIRD_STEP
