"""Celery's ``revoke``: it cancels rows at once, wherever they wait, and holds no grudge."""

import uuid
from types import SimpleNamespace

import pytest
from celery.worker import control, request, state

from boogie.apps.tasks.keeper import jobs
from boogie.apps.tasks.worker import receivers
from boogie.apps.tasks.worker.request import BoogieRequest
from tests.project.celery import app
from tests.project.shop.models import Product
from tests.support.rows import columns, stored
from tests.support.runs import declared, work

pytestmark = pytest.mark.django_db

count = declared(lambda product: 1)


@pytest.fixture(autouse=True)
def _as_in_a_worker():
    app.finalize()
    receivers.connect()
    jobs.finish()
    yield
    state.reset_state()


@pytest.fixture
def product():
    return Product.objects.create(name="pen")


def tell(word, **arguments):
    """Do what a worker does when it hears ``word``."""
    answer = control.Panel.data[word](SimpleNamespace(app=app, consumer=None), **arguments)
    jobs.finish()
    return answer


def test_the_words_are_heard_by_us_once():
    receivers.connect()
    assert control.Panel.data["revoke"].__module__ == "boogie.apps.tasks.worker.revoking"
    assert "flagged as revoked" in tell("revoke", task_id=[])["ok"]


@pytest.mark.parametrize(
    "make",
    [
        lambda product: count.delayed(product),
        lambda product: count.paused(product),
        lambda product: count.schedule(3600, product),
        lambda product: stored("running", product),
    ],
    ids=["queued", "paused", "scheduled", "running"],
)
def test_a_row_is_cancelled_wherever_it_is(product, make):
    row = make(product)
    tell("revoke", task_id=str(row.pk))
    row.refresh_from_db()
    assert row.is_cancelled
    assert not row.terminate


def test_rows_are_found_among_tasks_with_ids_of_any_kind(product):
    rows = [count.paused(product), count.delayed(product)]
    others = ["plain", str(uuid.uuid4())]
    tell("revoke", task_id=[*others, *(str(row.pk) for row in rows)])
    assert [columns(row)["status"] for row in rows] == ["cancelled"] * 2
    assert set(others) <= set(state.revoked)


def test_what_has_ended_stays_as_it_is(product):
    row = work(count.delayed(product))
    tell("revoke", task_id=[str(row.pk)])
    row.refresh_from_db()
    assert row.is_finished


@pytest.mark.parametrize(
    ("word", "more"), [("revoke", {"terminate": True}), ("terminate", {"signal": "KILL"})]
)
def test_who_terminates_has_the_process_killed(product, word, more):
    row = stored("running", product)
    tell(word, task_id=[str(row.pk)], **more)
    row.refresh_from_db()
    assert row.is_cancelled
    assert row.terminate


def message_for(row):
    """Return Celery's request for the doorbell of ``row``."""
    headers = {"id": str(row.pk), "task": row.name, "ignore_result": True}
    message = SimpleNamespace(
        headers=headers,
        body=b"[[], {}, {}]",
        payload=([], {}, {}),
        content_type="application/json",
        content_encoding="utf-8",
        delivery_info={},
        properties={},
    )
    return BoogieRequest(message, app=app, task=app.tasks[row.name])


def test_a_row_that_is_retried_by_hand_is_not_cancelled_by_the_memory_of_a_worker(product):
    row = count.delayed(product)
    tell("revoke", task_id=str(row.pk))
    row.refresh_from_db()
    assert row.retry()
    assert str(row.pk) in state.revoked
    one = message_for(row)
    assert not one.revoked()
    assert request.Request.revoked(one)  # which would have dropped the message
    jobs.finish()
    row.refresh_from_db()
    assert row.is_queued


def test_a_process_that_is_killed_late_takes_nothing_from_a_row_that_was_retried(product):
    row = stored("running", product, name=count.name)
    one = message_for(row)
    one.time_start, one.worker_pid = 1.0, row.pid
    assert row.cancel(terminate=True)
    assert row.retry()
    killed = []
    one.terminate(SimpleNamespace(terminate_job=lambda pid, number: killed.append(pid)))
    jobs.finish()
    row.refresh_from_db()
    assert killed == [row.pid]
    assert row.is_queued
