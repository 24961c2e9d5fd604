"""Plain Celery tasks of the same project, between processes."""

import signal

import pytest

from boogie.apps.tasks import Message, Task
from tests.project import services
from tests.project.blog import tasks
from tests.support.processes import PATIENCE
from tests.support.waiting import wait_until
from tests.workers.traces import has_begun, let_go, runs_of, titles

pytestmark = [pytest.mark.worker, pytest.mark.django_db(transaction=True)]

on_boogie = pytest.mark.skipif(services.BROKER != "boogie", reason="about boogie://")

#: A worker that was killed is missed soon; one that lives under load is not.
MISSED_SOON = {"HEARTBEAT": 1, "WORKER_TIMEOUT": 8}


def test_a_plain_task_runs_in_the_worker_and_makes_no_row(standing, user):
    tasks.plain_note.delay(user.pk, "plain")
    wait_until(lambda: titles(user) == ["plain"], PATIENCE)
    assert not Task.objects.filter(name=tasks.plain_note.name).exists()


def test_plain_tasks_and_rows_travel_side_by_side(busy, user, post):
    with busy():
        for number in range(6):
            tasks.plain_note.delay(user.pk, f"plain {number}")
            tasks.count.delayed(post)
    wait_until(lambda: len(titles(user)) == 7, PATIENCE)
    wait_until(lambda: runs_of(post) == 6, PATIENCE)
    assert titles(user)[1:] == [f"plain {number}" for number in range(6)]


@on_boogie
def test_the_message_of_a_plain_task_is_deleted_when_it_is_acknowledged(standing, user):
    tasks.plain_note.delay(user.pk, "first")
    wait_until(lambda: titles(user) == ["first"], PATIENCE)
    wait_until(lambda: not Message.objects.exists(), PATIENCE)


@on_boogie
def test_the_message_of_a_worker_killed_before_the_ack_goes_to_another(worker, post):
    first = worker(tasks=MISSED_SOON)
    tasks.plain_hold.delay(post.pk)
    wait_until(lambda: has_begun(post), PATIENCE)
    message = Message.objects.get()
    assert message.worker == first.row.pk
    first.kill()
    second = worker(tasks=MISSED_SOON)
    wait_until(lambda: has_begun(post, times=2), PATIENCE)
    message.refresh_from_db()
    assert message.worker == second.row.pk
    let_go(post)
    wait_until(lambda: not Message.objects.exists(), PATIENCE)


@on_boogie
def test_a_message_of_a_worker_that_lives_is_left_to_it(worker, post):
    first = worker(tasks=MISSED_SOON)
    tasks.plain_hold.delay(post.pk)
    wait_until(lambda: has_begun(post), PATIENCE)
    worker(tasks=MISSED_SOON)
    seen = first.row.seen
    beyond = MISSED_SOON["WORKER_TIMEOUT"] + 4
    wait_until(lambda: (first.row.seen - seen).total_seconds() > beyond, PATIENCE)
    let_go(post)
    wait_until(lambda: not Message.objects.exists(), PATIENCE)
    assert runs_of(post) == 1


# --- delivered again ------------------------------------------------------------------


@pytest.mark.parametrize("body", [tasks.plain_reject, tasks.plain_die], ids=lambda body: body.name)
def test_a_message_that_is_given_back_comes_again_and_says_so(body, standing, user, post):
    body.delay(post.pk)
    wait_until(lambda: has_begun(post, times=2), PATIENCE)
    tasks.plain_note.delay(user.pk, "later")
    wait_until(lambda: titles(user)[1:] == ["later"], PATIENCE)
    assert runs_of(post) == 2


def test_a_message_that_a_cold_shutdown_interrupts_comes_again(worker, post):
    first = worker()
    tasks.plain_hold.delay(post.pk)
    wait_until(lambda: has_begun(post), PATIENCE)
    first.signal(signal.SIGQUIT)
    assert first.ends()
    worker()
    wait_until(lambda: has_begun(post, times=2), PATIENCE)
    let_go(post)
