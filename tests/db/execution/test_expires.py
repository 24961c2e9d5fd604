"""Rows that are to be started by a time: what becomes of those that nobody has started by then."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from boogie.apps.tasks import BoogieTask, Task, task_cancelled, task_started
from boogie.apps.tasks.db import clock
from boogie.apps.tasks.exceptions import Expired, TaskCancelled
from boogie.apps.tasks.execution import expiry, start
from boogie.apps.tasks.keeper import thread
from boogie.apps.tasks.lifecycle import transitions
from boogie.apps.tasks.testing import travel
from tests.project.shop.models import Product
from tests.support.plans import plan_of
from tests.support.rows import HOUR, columns, stored
from tests.support.runs import declared, now_due, ring, work
from tests.support.statements import statements

pytestmark = pytest.mark.django_db

MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
LATE = 61


@pytest.fixture
def product():
    return Product.objects.create(name="pen")


@declared(expires=60)
def fresh(product):
    return "fresh"


@declared
def everlasting(product):
    return "old"


def late(row):
    """Cancel what is late as a keeper does, some seconds after its time; read the row again."""
    with travel(LATE):
        expiry.expire(Task.objects.all())
    row.refresh_from_db()
    return row


def about(moment):
    return pytest.approx(moment.timestamp(), abs=5)


# --- by when --------------------------------------------------------------------------


@pytest.mark.parametrize("expires", [60, 60.0, MINUTE])
def test_a_row_expires_so_long_after_its_call(product, expires):
    body = declared(lambda product: None, expires=expires)
    for make in (body.delayed, body.paused):
        row = make(product)
        assert row.expires - row.created == MINUTE
    for make in (body.each, body.each.paused):
        (row,) = make([product])
        assert row.expires - row.created == MINUTE


def test_a_scheduled_row_expires_so_long_after_its_time(product):
    tomorrow = timezone.now() + 24 * HOUR
    for when in (86400, 24 * HOUR, tomorrow):
        (many,) = fresh.each.schedule(when, [product])
        for row in (fresh.schedule(when, product), many):
            assert row.expires - row.scheduled_for == MINUTE
            assert row.expires.timestamp() == about(tomorrow + MINUTE)


def test_what_was_to_start_in_the_past_expires_so_long_after_its_call(product):
    row = fresh.schedule(timezone.now() - HOUR, product)
    assert row.expires - row.created == MINUTE


def test_a_row_may_expire_at_a_moment(product):
    moment = datetime(2199, 1, 1, 12, tzinfo=UTC)
    body = declared(lambda product: None, expires=moment)
    for row in (body.delayed(product), body.schedule(60, product)):
        row.refresh_from_db()
        assert row.expires == moment


def test_a_class_and_a_function_that_is_called_at_once(product):
    class Fresh(BoogieTask):
        expires = 60

        def run(self, product):
            return self.row.expires

    body = Fresh.as_task(name="tests.expires.fresh")
    assert body.delayed(product).expires is not None
    assert body.call(product) is None


def test_a_time_too_far_for_a_calendar_is_refused_before_there_is_a_row(product):
    long = declared(lambda product: None, expires=timedelta(days=365 * 7000))
    with pytest.raises(ValueError, match="cannot expire after the year 9999"):
        long.schedule(timedelta(days=365 * 7000), product)
    assert not Task.objects.exists()


def test_what_does_not_expire_costs_no_statement_and_no_column(product):
    with statements() as plain:
        everlasting.delayed(product)
    with statements() as limited:
        fresh.delayed(product)
    assert len(plain) == len(limited)
    assert "expires" not in plain[0].partition("RETURNING")[0].partition("VALUES")[0]


# --- in time --------------------------------------------------------------------------


def test_a_row_that_starts_in_time_runs(product):
    assert work(fresh.delayed(product)).result == "fresh"
    assert work(now_due(fresh.schedule(3600, product))).result == "fresh"


def test_a_retry_and_a_rescue_of_a_run_that_began_in_time_do_not_expire(product):
    seen = []

    @declared(max_retries=3, autoretry_for=(ValueError,), expires=60)
    def fails_first(product):
        seen.append(product)
        if len(seen) == 1:
            raise ValueError("once")
        return "second"

    row = work(fails_first.delayed(product))
    assert (row.status, row.retries) == ("queued", 1)
    with travel(3600):
        assert late(row).is_queued
        assert work(row).result == "second"


def test_a_row_of_a_lost_worker_does_not_expire(product):
    lost = stored("queued", product, expires=timezone.now() - HOUR, attempt=1, losses=1)
    expiry.expire(Task.objects.all())
    assert start.claim_row(str(lost.pk), [lost.name]).is_running


# --- too late -------------------------------------------------------------------------


@pytest.mark.parametrize("make", [fresh.delayed, fresh.paused])
def test_a_row_that_nobody_has_started_is_cancelled_and_says_why(product, make):
    row = late(make(product))
    assert row.is_cancelled
    (error,) = row.errors
    kind = f"{Expired.__module__}.{Expired.__qualname__}"
    assert (error["type"], error["attempt"], error["worker"]) == (kind, 0, "")
    assert datetime.fromisoformat(error["at"]).timestamp() == about(row.ended)
    assert row.error.startswith("Expired: ")
    assert row.due is None
    with pytest.raises(TaskCancelled):
        row.wait(0)


def test_a_claim_leaves_what_is_late_alone_and_cancels_it(product):
    row, heard = fresh.delayed(product), []
    task_started.connect(lambda **about: heard.append(about), dispatch_uid="expires", weak=False)
    try:
        with travel(LATE):
            assert start.claim_row(str(row.pk), [row.name]) is None
            work(row)
    finally:
        task_started.disconnect(dispatch_uid="expires")
    assert (row.status, row.attempt, row.started, heard) == ("cancelled", 0, None, [])
    assert row.error.startswith("Expired: ")


def test_a_doorbell_in_vain_of_what_does_not_expire_costs_no_statement_more(product):
    row = work(everlasting.delayed(product))
    with statements() as asked:
        ring(everlasting.name, row.pk)
    *claims, held = asked  # and what is held is asked for
    assert all(sql.startswith("UPDATE") for sql in claims)
    assert "boogie_tasks_hold" in held


def test_what_runs_or_has_ended_does_not_expire(product):
    past = {"expires": timezone.now() - HOUR}
    rows = [stored(s, product, **past) for s in ("running", "finished", "failed", "cancelled")]
    before = [columns(row) for row in rows]
    assert expiry.expire(Task.objects.all()) == 0
    assert [columns(row) for row in rows] == before


def test_a_row_that_was_claimed_meanwhile_is_left_alone(product, monkeypatch):
    row = fresh.delayed(product)
    real = transitions.expire

    def expire(rows):
        claimed = {"status": "running", "attempt": 1, "started": timezone.now(), "due": None}
        Task.objects.filter(pk=row.pk).update(**claimed)
        return real(rows)

    monkeypatch.setattr(transitions, "expire", expire)
    assert late(row).is_running
    assert row.errors == []


def test_a_retry_by_hand_drops_the_expiry(product):
    row = late(fresh.delayed(product))
    with travel(3600):
        assert row.retry()
        assert row.expires is None
        assert work(row).result == "fresh"
    assert [error["type"].rpartition(".")[2] for error in row.errors] == ["Expired"]


@pytest.mark.django_db(transaction=True)
def test_the_signal_of_a_cancelled_row_is_sent(product):
    row, heard = fresh.delayed(product), []
    task_cancelled.connect(
        lambda task, **about: heard.append(task.pk), dispatch_uid="expires", weak=False
    )
    try:
        with transaction.atomic():
            late(row)
            assert heard == []
    finally:
        task_cancelled.disconnect(dispatch_uid="expires")
    assert heard == [row.pk]


# --- keepers --------------------------------------------------------------------------


class Idle:
    def known(self):
        return set()


def test_a_keeper_cancels_what_is_late_in_any_queue(product):
    row = declared(lambda product: None, expires=60, queue="nobody.serves.it").delayed(product)
    keeper = thread.Keeper("me@host/1", {"queues": []}, Idle())
    keeper.look_after()
    row.refresh_from_db()
    assert row.is_queued
    with travel(LATE):
        keeper.look_after()
    row.refresh_from_db()
    assert row.is_cancelled


def test_a_look_cancels_so_many_and_no_more(product, monkeypatch):
    monkeypatch.setattr(expiry, "BATCH", 2)
    past = timezone.now() - HOUR
    for _ in range(3):
        stored("queued", product, expires=past)
    rows = Task.objects.all()
    assert [expiry.expire(rows) for _ in range(3)] == [2, 1, 0]
    assert rows.cancelled().count() == 3


def test_what_is_late_is_found_by_an_index(product):
    now = timezone.now()
    stored("queued", product, expires=now - HOUR)
    everlasting.each([product] * 2000)
    for status in ("finished", "cancelled"):
        for _ in range(3):
            stored(status, product, expires=now - HOUR)
    plan = plan_of(Task.objects.late())
    assert not plan.scans, plan.text
    assert any("expires" in index for index in plan.indexes), plan.text


def test_the_time_is_the_database_s(product, monkeypatch):
    monkeypatch.setattr(clock, "here", lambda: datetime(1999, 1, 1, tzinfo=UTC))
    row = fresh.delayed(product)
    assert row.expires - row.created == MINUTE
