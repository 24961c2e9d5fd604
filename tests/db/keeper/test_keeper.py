"""The keeper's steps, called one by one: heartbeat, ringing, rescue, purge."""

from datetime import timedelta

import pytest
from django.test import override_settings
from django.utils import timezone

from boogie.apps.tasks import Message, Task, Worker, current_app, identity
from boogie.apps.tasks.broker import doorbell, inspect
from boogie.apps.tasks.broker.connection import broker_pool
from boogie.apps.tasks.execution import losses
from boogie.apps.tasks.keeper import ring, thread
from tests.project.shop.models import Product
from tests.support.judge import rescue_as_judge
from tests.support.queues import fresh_pool
from tests.support.rows import HOUR, stored
from tests.support.runs import declared, work

pytestmark = pytest.mark.django_db

DEAD = "gone@host/1"


@pytest.fixture(autouse=True)
def _as_in_a_worker():
    current_app.celery_app().finalize()


def alive(worker_id="here@host/2"):
    thread.beat(worker_id, {"concurrency": 2})
    return worker_id


def names(rows):
    return sorted(row.pk for row in rows)


# --- heartbeat --------------------------------------------------------------------------


def test_a_first_beat_makes_the_worker_and_the_next_keeps_it_alive():
    alive()
    worker = Worker.objects.get()
    assert worker.is_alive
    assert (worker.concurrency, worker.pid > 0, worker.host != "") == (2, True, True)
    Worker.objects.update(seen=timezone.now() - HOUR)
    assert not worker.is_alive
    thread.beat(worker.pk, {"concurrency": 5})
    worker.refresh_from_db()
    assert worker.is_alive
    assert worker.concurrency == 5
    assert Worker.objects.count() == 1
    assert worker.started <= worker.seen


@override_settings(BOOGIE_TASKS={"WORKER_TIMEOUT": 7200})
def test_when_a_worker_is_dead_is_a_setting():
    alive()
    Worker.objects.update(seen=timezone.now() - HOUR)
    assert Worker.objects.get().is_alive


# --- ringing ----------------------------------------------------------------------------


class Bell:
    """Stands in for the broker: notes what is rung, and may be out of order."""

    def __init__(self):
        self.rung = []
        self.limit = None

    def ring(self, rows):
        rows = list(rows)
        good = len(rows) if self.limit is None else self.limit
        self.rung += [row.pk for row in rows[:good]]
        return rows[good:]


@pytest.fixture
def bell(monkeypatch):
    bell = Bell()
    monkeypatch.setattr(current_app, "needs_ringing", lambda *app: True)
    monkeypatch.setattr(doorbell, "ring", bell.ring)
    # The broker of the session may be slow to answer, and not have answered a test before.
    monkeypatch.setattr(inspect, "depth", lambda queue: 0)
    fresh_pool(monkeypatch)
    return bell


def test_due_rows_are_rung_and_others_are_not(bell):
    due = [stored("queued") for _ in range(3)]
    stored("queued", due=timezone.now() + HOUR)
    for status in ("paused", "running", "finished", "failed", "cancelled"):
        stored(status)
    assert ring.ring_due([""]) == 3
    assert sorted(bell.rung) == names(due)


@override_settings(BOOGIE_TASKS={"RING_AGAIN": 600})
def test_a_row_that_was_rung_is_not_rung_again_before_its_time(bell):
    row = stored("queued")
    assert ring.ring_due([""]) == 1
    assert ring.ring_due([""]) == 0
    row.refresh_from_db()
    assert row.is_queued
    assert timedelta(minutes=5) < row.due - timezone.now() < timedelta(minutes=15)


def test_the_row_that_is_due_longest_is_rung_first(bell, monkeypatch):
    now = timezone.now()
    late = stored("queued", due=now - HOUR)
    later = stored("queued", due=now - 2 * HOUR)
    monkeypatch.setattr(ring, "BATCH", 1)
    ring.ring_due([""])
    ring.ring_due([""])
    assert bell.rung == [later.pk, late.pk]


def test_rows_that_could_not_be_rung_are_due_again_at_once(bell):
    rows = [stored("queued") for _ in range(3)]
    bell.limit = 1
    assert ring.ring_due([""]) == 1
    bell.limit = None
    assert ring.ring_due([""]) == 2
    assert sorted(bell.rung) == names(rows)


def test_while_the_line_is_broken_no_row_is_touched(bell, monkeypatch):
    row = stored("queued")
    monkeypatch.setattr(broker_pool, "_silent_until", float("inf"))
    assert ring.ring_due([""]) == 0
    assert Task.objects.get(pk=row.pk).due == row.due


def test_where_the_table_is_the_broker_nothing_is_rung(monkeypatch):
    monkeypatch.setattr(current_app, "needs_ringing", lambda *app: False)
    row = stored("queued")
    assert ring.ring_due([""]) == 0
    assert Task.objects.get(pk=row.pk).due == row.due


def test_a_scheduled_row_is_rung_when_its_time_has_come(bell):
    body = declared(lambda product: "done")
    row = body.schedule(3600, Product.objects.create(name="pen"))
    assert ring.ring_due([row.queue]) == 0
    past = timezone.now() - timedelta(seconds=1)
    Task.objects.filter(pk=row.pk).update(due=past, not_before=past)
    assert ring.ring_due([row.queue]) == 1
    assert bell.rung == [row.pk]
    assert work(row).is_finished


# --- rescue -----------------------------------------------------------------------------


def test_the_rows_of_dead_workers_are_rescued_and_those_of_living_ones_left():
    worker = alive()
    mine, orphan = stored("running", worker=worker), stored("running", worker=DEAD)
    Worker.objects.create(
        pk="slow@host/3",
        pid=1,
        started=timezone.now(),
        seen=timezone.now() - HOUR,
        steady=timezone.now(),
    )
    slow = stored("running", worker="slow@host/3")
    rescue_as_judge()
    assert Task.objects.get(pk=mine.pk).is_running
    for row in (orphan, slow):
        row.refresh_from_db()
        assert row.is_queued
        assert row.losses == 1
        assert row.errors[0]["type"] == "boogie.apps.tasks.exceptions.WorkerLost"
        assert row.worker in row.error


def test_what_a_worker_has_claimed_a_moment_ago_is_left_although_it_seems_dead():
    """It was frozen, goes on, and claims before its next heartbeat."""
    now = timezone.now()
    Worker.objects.create(pk="thawed@host/4", pid=1, started=now, seen=now - HOUR, steady=now)
    old = stored("running", worker="thawed@host/4")
    new = stored("running", worker="thawed@host/4", started=now)
    rescue_as_judge()
    assert Task.objects.queued().get() == old
    assert Task.objects.running().get() == new
    Task.objects.filter(pk=new.pk).update(started=now - timedelta(seconds=21))
    rescue_as_judge()
    assert Task.objects.queued().filter(pk=new.pk).exists()


@pytest.mark.parametrize(("losses_before", "delay"), [(0, 0), (1, 5), (2, 20)])
def test_a_rescued_row_waits_longer_after_every_loss(losses_before, delay):
    row = stored("running", worker=DEAD, losses=losses_before)
    rescue_as_judge()
    row.refresh_from_db()
    expected = timezone.now() + timedelta(seconds=delay)
    assert abs(row.not_before - expected) < timedelta(seconds=4)
    assert row.due == row.not_before


def test_a_row_with_no_loss_left_fails_with_worker_lost_and_its_hooks_run():
    seen = []

    def on_failure(exc, task_id, args, kwargs, einfo):
        seen.append((type(exc).__name__, task_id, list(args)))

    body = declared(lambda product: None)
    vars(body)["on_failure"] = on_failure
    product = Product.objects.create(name="pen")
    row = stored("running", product, body.name, worker=DEAD, losses=3)
    rescue_as_judge()
    row.refresh_from_db()
    assert row.is_failed
    assert row.error.startswith("WorkerLost: ")
    assert seen == [("WorkerLost", str(row.pk), [product])]


def test_a_task_that_must_not_be_rescued_fails_at_its_first_loss():
    body = declared(rescue=False)(lambda product: None)
    row = body.delayed(Product.objects.create(name="pen"))
    Task.objects.filter(pk=row.pk).delete()
    row = stored("running", name=body.name, worker=DEAD, rescue=row.rescue)
    rescue_as_judge()
    row.refresh_from_db()
    assert row.is_failed
    assert row.losses == 0


@override_settings(BOOGIE_TASKS={"MAX_LOSSES": 0})
def test_max_losses_is_a_setting():
    row = stored("running", worker=DEAD)
    rescue_as_judge()
    row.refresh_from_db()
    assert row.is_failed


def test_a_call_is_given_up_only_after_call_limit_and_then_fails():
    young = stored("running", worker=identity.caller_id(), started=timezone.now() - HOUR)
    old = stored("running", worker=identity.caller_id(), started=timezone.now() - 7 * HOUR)
    rescue_as_judge()
    young.refresh_from_db()
    old.refresh_from_db()
    assert young.is_running
    assert old.is_failed
    assert "WorkerLost" in old.error


def test_a_zombie_that_wakes_up_after_its_row_was_rescued_writes_nothing():
    product = Product.objects.create(name="pen")

    def body(product):
        Task.objects.all().update(worker=DEAD, started=timezone.now() - HOUR)
        rescue_as_judge()
        return "too late"

    row = work(declared(body).delayed(product))
    assert row.is_queued
    assert row.result is None
    assert row.losses == 1


def test_the_messages_of_dead_workers_are_free_again():
    worker = alive()
    now = timezone.now()
    kept = Message.objects.create(queue="q", payload="{}", worker=worker, created=now)
    freed = Message.objects.create(queue="q", payload="{}", worker=DEAD, created=now)
    rescue_as_judge()
    assert list(Message.objects.free()) == [freed]
    assert list(Message.objects.held()) == [kept]


def test_the_row_of_a_task_that_nobody_registered_is_refused():
    row = stored("queued", name="nobody.knows")
    losses.refuse(str(row.pk), "nobody.knows")
    row.refresh_from_db()
    assert row.is_failed
    assert row.errors[0]["type"] == "boogie.apps.tasks.exceptions.UnknownTask"
    assert "nobody.knows" in row.error
