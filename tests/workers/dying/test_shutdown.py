"""A warm shutdown lets bodies end, and gives back at once what the worker had only reserved."""

import pytest
from django.test import override_settings

from boogie.apps.tasks import Message, Worker
from boogie.apps.tasks.db.clock import Moment
from tests.project import services
from tests.project.blog import tasks
from tests.project.blog.models import Post
from tests.support.processes import PATIENCE
from tests.support.project_worker import NEVER
from tests.support.waiting import wait_until
from tests.workers.traces import has_begun, let_go, titles

pytestmark = [pytest.mark.worker, pytest.mark.django_db(transaction=True)]

on_boogie = pytest.mark.skipif(services.BROKER != "boogie", reason="about boogie://")

#: No row is looked at again by itself: only giving it back can bring it to another worker.
ONCE = {"RING_AGAIN": NEVER}


@pytest.fixture(autouse=True)
def _once():
    with override_settings(BOOGIE_TASKS=ONCE):
        yield


def until_received(worker, row):
    worker.until_logged(f"[{row.pk}] received")


def test_a_warm_shutdown_lets_the_running_body_end(worker, post):
    one = worker(tasks=ONCE)
    row = tasks.hold.delayed(post)
    wait_until(lambda: has_begun(post), PATIENCE)
    identity = one.row.pk
    one.terminate()
    one.until_logged("Warm shutdown")
    let_go(post)
    row.wait(PATIENCE)
    assert (row.attempt, row.worker) == (1, identity)
    assert one.wait() == 0
    assert not Worker.objects.exists()


def reserved(worker, author):
    """Have three rows lie in a worker whose only child is busy; return them."""
    others = [Post.objects.create(author=author, title="reserved") for _ in range(3)]
    rows = [tasks.count.delayed(other) for other in others]
    for row in rows:
        until_received(worker, row)
    return rows


def test_reserved_rows_run_on_another_worker_after_a_warm_shutdown(worker, post):
    first = worker(tasks=ONCE)
    running = tasks.hold.delayed(post)
    wait_until(lambda: has_begun(post), PATIENCE)
    rows = reserved(first, post.author)
    first.terminate()
    first.until_logged("Warm shutdown")
    let_go(post)
    assert first.wait() == 0
    second = worker(tasks=ONCE)
    assert [row.wait(PATIENCE) for row in rows] == [1, 1, 1]
    assert {row.worker for row in rows} == {second.row.pk}
    running.refresh_from_db()
    assert running.is_finished


def test_reserved_rows_run_on_another_worker_while_the_first_waits_for_its_body(worker, post):
    first = worker(tasks=ONCE)
    running = tasks.hold.delayed(post)
    wait_until(lambda: has_begun(post), PATIENCE)
    rows = reserved(first, post.author)
    first.terminate()
    first.until_logged("Warm shutdown")
    second = worker(tasks=ONCE)
    assert [row.wait(PATIENCE) for row in rows] == [1, 1, 1]
    assert {row.worker for row in rows} == {second.row.pk}
    running.refresh_from_db()
    assert running.is_running
    let_go(post)
    running.wait(PATIENCE)
    assert running.attempt == 1


@on_boogie
def test_a_reserved_row_is_due_again_after_a_warm_shutdown(worker, post):
    one = worker(tasks=ONCE)
    running = tasks.hold.delayed(post)
    wait_until(lambda: has_begun(post), PATIENCE)
    row = tasks.count.delayed(post)
    until_received(one, row)
    assert row._itself().filter(due__gt=Moment(NEVER / 2)).exists()
    one.terminate()
    one.until_logged("Warm shutdown")
    wait_until(row._itself().due().exists, PATIENCE)
    let_go(post)
    running.wait(PATIENCE)


@on_boogie
def test_a_reserved_message_of_a_plain_task_is_free_again_after_a_warm_shutdown(worker, post):
    one = worker(tasks=ONCE)
    running = tasks.hold.delayed(post)
    wait_until(lambda: has_begun(post), PATIENCE)
    tasks.plain_note.delay(post.author.pk, "plain")
    wait_until(Message.objects.held().exists, PATIENCE)
    one.terminate()
    one.until_logged("Warm shutdown")
    let_go(post)
    assert one.wait() == 0
    running.wait(PATIENCE)
    assert Message.objects.free().count() == 1
    worker(tasks=ONCE)
    wait_until(lambda: "plain" in titles(post.author), PATIENCE)
