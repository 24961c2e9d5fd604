"""A second message for a row that runs in the same worker finds nothing, and takes nothing away."""

from datetime import timedelta

import pytest

from tests.project.blog import tasks
from tests.project.celery import app
from tests.support.processes import PATIENCE
from tests.support.waiting import wait_until
from tests.workers.traces import has_begun, let_go, real_broker, runs_of

pytestmark = [pytest.mark.worker, pytest.mark.django_db(transaction=True)]


@real_broker
@pytest.mark.parametrize("pool", ["prefork", "threads"])
def test_a_row_that_is_rung_again_while_it_runs_goes_on(worker, queue, post, pool):
    one = worker("-c", "2", pool=pool)
    row = tasks.hold.delayed(post)
    wait_until(lambda: has_begun(post), PATIENCE)
    # As the broker delivers a doorbell again, then as somebody sends one by hand: both go to the
    # child or thread that is free, one after the other, and of the second alone a word is said.
    app.send_task(row.name, task_id=str(row.pk), queue=queue, ignore_result=True)
    app.send_task(row.name, task_id=str(row.pk), queue=queue)
    one.until_logged(f"has started nothing: the row {row.pk} is running")
    # Until the keeper has compared its rows twice, every five seconds.
    until = one.row.seen + timedelta(seconds=13)
    wait_until(lambda: one.row.seen > until, PATIENCE)
    row.refresh_from_db()
    assert (row.status, row.attempt, row.losses) == ("running", 1, 0)
    let_go(post)
    row.wait(PATIENCE)
    assert (row.attempt, row.losses, runs_of(post)) == (1, 0, 1)
    one.until_logged(f"[{row.pk}] finished")  # it is written once the row has moved
    said = [one.log.count(f"[{row.pk}] {words}") for words in ("received", "started", "finished")]
    assert said == [3, 1, 1]
    assert one.log.count("has started nothing") == 1
