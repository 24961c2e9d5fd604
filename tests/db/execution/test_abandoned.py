"""A row that is failed from outside its process: settled first, then told, by one alone."""

import pytest
from celery.signals import task_failure

from boogie.apps.tasks import Task, WorkerLost, current_app
from boogie.apps.tasks.execution import losses
from boogie.apps.tasks.keeper import thread
from tests.support.rows import stored
from tests.support.runs import declared
from tests.support.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

seen = []


@pytest.fixture(autouse=True)
def _nothing_seen():
    current_app.celery_app().finalize()  # as it is in a worker
    seen.clear()


def _note(self, exc, task_id, args, kwargs, einfo):
    seen.append((Task.objects.get(pk=task_id).status, args))


@declared
def body(product):
    """Never runs here."""


type(body).on_failure = _note


@pytest.fixture
def row():
    return stored("running", name=body.name, rescue=False)


def test_its_hook_sees_a_row_that_has_failed(row):
    losses.lose(row, "its worker died")
    assert [status for status, _ in seen] == ["failed"]


def test_whoever_listens_to_celery_learns_of_it_also_when_its_object_is_gone(row):
    told = []

    def listen(sender, task_id, exception, args, **extra):
        told.append((sender, task_id, type(exception), args))

    row.get_object().delete()
    task_failure.connect(listen)
    try:
        losses.lose(row, "its worker died")
    finally:
        task_failure.disconnect(listen)
    assert told == [(body, str(row.pk), WorkerLost, [None])]
    assert seen == [("failed", [None])]


def test_of_two_that_find_it_one_alone_calls_the_hook(row):
    twin = Task.objects.get(pk=row.pk)
    losses.lose(row, "its worker died")
    losses.lose(twin, "its worker died")
    assert len(seen) == 1


def test_a_row_that_somebody_has_moved_calls_no_hook(row):
    Task.objects.filter(pk=row.pk).update(attempt=9)
    losses.abandon(row, WorkerLost("too late"))
    assert seen == []


class Pool:
    def known(self):
        return set()

    def kill(self, task_id):
        """Nothing runs."""


def test_a_keeper_that_beats_has_others_lose_rows(monkeypatch):
    done = []
    monkeypatch.setattr(thread.losses, "lose", lambda row, how: done.append(how))
    one = thread.Keeper("me@host/1", {"queues": []}, Pool())
    monkeypatch.setattr(one, "tick", lambda: None)
    one.threads.begin()
    try:
        assert one.threads.are_complete
        one.lose(None, "died")
        wait_until(lambda: done == ["died"])
    finally:
        one.threads.end()
    assert not one.threads.has_begun
    one.lose(None, "again")
    assert done == ["died", "again"]
