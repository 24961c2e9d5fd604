"""A run that was to be repeated while a newer row waits in its place is cancelled for that one."""

import logging

import pytest
from celery.exceptions import Reject
from django.db import OperationalError

from boogie.apps.tasks import Task, task_cancelled, task_retried
from boogie.apps.tasks.execution import losses, settle, start
from boogie.apps.tasks.testing import run_tasks
from tests.project.shop.models import Product
from tests.support.rows import claim
from tests.support.runs import declared, work

pytestmark = pytest.mark.django_db(databases=["default", "other"])

KIND = "boogie.apps.tasks.exceptions.Superseded"


@pytest.fixture
def thing():
    return Product.objects.create(name="thing")


def by_retry(self, obj):
    raise self.retry(countdown=5, exc=ValueError("not yet"))


def by_retry_without_raising(self, obj):
    self.retry(countdown=5, throw=False)


def by_reject(self, obj):
    raise Reject("later", requeue=True)


def by_error(self, obj):
    raise ValueError("not yet")


WAYS = {
    "retry": (by_retry, {}),
    "retry(throw=False)": (by_retry_without_raising, {}),
    "Reject": (by_reject, {}),
    "autoretry": (by_error, {"autoretry_for": (ValueError,), "retry_backoff": 5}),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_retry_gives_way(way, thing, caplog, django_capture_on_commit_callbacks):
    function, options = WAYS[way]
    told, newer = [], []

    def run(self, obj):
        newer.append(body.delayed(obj))
        return function(self, obj)

    def note(task, signal, **more):
        told.append((task.pk, signal))

    body = declared(run, bind=True, unique="waiting", **options)
    row = body.delayed(thing)
    for signal in (task_cancelled, task_retried):
        signal.connect(note)
    try:
        with (
            caplog.at_level(logging.INFO, "boogie.apps.tasks"),
            django_capture_on_commit_callbacks(execute=True),
        ):
            work(row)
    finally:
        for signal in (task_cancelled, task_retried):
            signal.disconnect(note)
    assert newer[0].is_new
    assert row.is_cancelled
    assert row.errors[-1]["type"] == KIND
    assert str(newer[0].pk) in row.errors[-1]["message"]
    assert len(row.errors) == 2
    assert all(entry["at"] for entry in row.errors)
    assert told == [(row.pk, task_cancelled)]
    (ended,) = [one for one in caplog.records if getattr(one, "outcome", None)]
    assert (ended.outcome, ended.levelno) == ("cancelled", logging.INFO)
    assert "Superseded" in ended.getMessage()
    newer[0].refresh_from_db()
    assert newer[0].is_queued


@pytest.mark.parametrize("way", WAYS)
def test_without_a_newer_one_it_goes_back(way, thing):
    function, options = WAYS[way]
    body = declared(function, bind=True, unique="waiting", **options)
    row = work(body.delayed(thing))
    assert row.is_queued
    assert body.delayed(thing) == row


@pytest.mark.parametrize("way", WAYS)
def test_a_live_one_goes_back_and_keeps_its_place(way, thing):
    function, options = WAYS[way]
    made = []

    def run(self, obj):
        made.append(body.delayed(obj).is_new)
        return function(self, obj)

    body = declared(run, bind=True, unique="live", **options)
    row = work(body.delayed(thing))
    assert row.is_queued
    assert made == [False]


def claimed(body, thing):
    """Return a row that a worker has begun, and that is lost now."""
    row = body.delayed(thing)
    claim(row)
    row.refresh_from_db()
    return row


def test_a_row_whose_process_died_gives_way(thing, caplog):
    body = declared(lambda obj: None, unique="waiting")
    row = claimed(body, thing)
    newer = body.delayed(thing)
    with caplog.at_level(logging.INFO, "boogie.apps.tasks"):
        losses.lose(row, "a worker died")
    row.refresh_from_db()
    assert row.is_cancelled
    kinds = [entry["type"].rpartition(".")[2] for entry in row.errors]
    assert kinds == ["WorkerLost", "Superseded"]
    assert any("Superseded" in one.getMessage() for one in caplog.records)
    assert Task.objects.queued().get() == newer


def test_a_row_whose_process_died_is_rescued_if_it_is_alone(thing):
    body = declared(lambda obj: None, unique="waiting")
    row = claimed(body, thing)
    losses.lose(row, "a worker died")
    row.refresh_from_db()
    assert row.is_queued


def test_a_run_that_lost_its_database_gives_way(thing):
    body = declared(lambda obj: None, unique="waiting", atomic=True)
    row = claimed(body, thing)
    newer = body.delayed(thing)
    run = start.begun(row)
    settle.rescue(run, OperationalError("the server has gone away"), 1.0)
    assert run.outcome == "cancelled"
    row.refresh_from_db()
    assert row.errors[-1]["type"] == KIND
    assert row.errors[-2]["message"] == "the server has gone away"
    assert Task.objects.queued().get() == newer


def test_run_tasks_tells_of_it_as_cancelled(thing):
    def run(self, obj, first=False):
        if first:
            body.delayed(obj)
            raise self.retry(countdown=0)

    body = declared(run, bind=True, unique="waiting")
    body.delayed(thing, first=True)
    counts = run_tasks(body)
    assert (counts["cancelled"], counts["finished"], counts["retried"]) == (1, 1, 0)
