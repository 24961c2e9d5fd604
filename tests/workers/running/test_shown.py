"""What ``celery inspect`` and events tell of a run in a real worker: its object."""

import threading
from contextlib import contextmanager

import pytest
from django.db import transaction

from boogie.apps.tasks import Task
from tests.project.blog import tasks
from tests.project.blog.models import Post
from tests.project.celery import app
from tests.project.shop import functions
from tests.support.processes import PATIENCE
from tests.support.waiting import wait_until
from tests.workers.traces import has_begun, let_go, real_broker

pytestmark = [pytest.mark.worker, pytest.mark.django_db(transaction=True), real_broker]


def shown(post):
    return f"(blog.post:{post.pk},)"


@pytest.mark.parametrize("pool", ["prefork", "threads"])
def test_inspect_shows_the_object_of_what_is_active(worker, post, pool):
    worker(pool=pool)
    row = tasks.hold.delayed(post)
    wait_until(lambda: has_begun(post), PATIENCE)

    def found():
        answers = app.control.inspect(timeout=2).active() or {}
        return [one for each in answers.values() for one in each if one["id"] == str(row.pk)]

    (active,) = wait_until(found, PATIENCE)
    let_go(post)
    row.wait(PATIENCE)
    assert (active["name"], active["args"], active["kwargs"]) == (row.name, shown(post), "{}")


@contextmanager
def hearing():
    """Yield the events of each task by their types, as they come."""
    heard, receivers = {}, []

    def hear(event):
        heard.setdefault(event.get("uuid"), {})[event["type"]] = event

    def listen():
        with app.connection_for_read() as connection:
            receivers.append(app.events.Receiver(connection, handlers={"*": hear}))
            # Once, without a timeout: its queue is gone between two, with what came meanwhile.
            receivers[0].capture(wakeup=False)

    ear = threading.Thread(target=listen)
    ear.start()
    try:
        # Brokers keep nothing for who does not listen yet; the heart of a worker beats every 2 s.
        wait_until(lambda: "worker-heartbeat" in heard.get(None, {}), PATIENCE)
        yield heard
    finally:
        for receiver in receivers:
            receiver.should_stop = True
        ear.join()


def has_succeeded(heard, row):
    return lambda: "task-succeeded" in heard.get(str(row.pk), {})


def test_events_tell_the_name_and_the_object(worker, user):
    worker("-E")
    post = Post.objects.create(author=user, title="heard")
    with hearing() as heard:
        with transaction.atomic():
            row = tasks.count.delayed(post)
        row.wait(PATIENCE)
        wait_until(has_succeeded(heard, row), PATIENCE)
    received = heard[str(row.pk)]["task-received"]
    assert (received["name"], received["args"]) == (row.name, shown(post))
    assert "task-started" in heard[str(row.pk)]


def test_events_of_a_function_tell_which_it_is(worker, queue):
    worker("-E")
    with hearing() as heard:
        row = Task.objects.get(pk=functions.add.using(queue_name=queue).enqueue(1).id)
        row.wait(PATIENCE)
        wait_until(has_succeeded(heard, row), PATIENCE)
    received = heard[str(row.pk)]["task-received"]
    assert received["name"] == "boogie_tasks.function"
    assert (received["args"], received["kwargs"]) == (f"({functions.add.module_path}, …)", "…")
