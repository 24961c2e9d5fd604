"""Clocks are changed while workers beat and rows wait: for them it is a second like any other."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from boogie.apps.tasks import Task, Worker
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.keeper import heartbeat, purge
from boogie.apps.tasks.models import Rollup
from boogie.apps.tasks.monitoring import health
from tests.project.shop.models import Product
from tests.support.ends import count_at, ended
from tests.support.rows import stored
from tests.support.runs import declared, work
from tests.support.zones import as_user, clock_at, in_utc

pytestmark = pytest.mark.django_db

noting = declared(lambda product: "done")

ME = "here@host/1"
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


@pytest.fixture
def product():
    return Product.objects.create(name="pen")


def beat_at(moment):
    with clock_at(moment):
        heartbeat.beat(ME, {})


def test_the_clock_of_the_database_is_read_as_it_stands(change, product):
    for moment in (change, change + 2 * SECOND):
        with clock_at(moment):
            row = noting.delayed(product)
            assert in_utc(row.created) == moment
            work(row)
        assert [in_utc(time) for time in (row.created, row.started, row.ended)] == [moment] * 3


def test_a_worker_that_beat_before_the_change_is_alive_after_it(change):
    beat_at(change)
    row = stored("running", worker=ME, started=as_user(change - DAY))
    with clock_at(change + 2 * SECOND):
        assert Worker.objects.get().is_alive
        assert not Task.objects.orphaned(Worker.objects.alive(20.0).values("pk"), 20, 20).exists()
        (worker,) = health.examine().workers
    assert worker["age"] == worker["uptime"] == 2
    with clock_at(change + 22 * SECOND):
        assert not Worker.objects.alive(20.0).exists()
        assert Worker.objects.dead(20.0).exists()
        alive = Worker.objects.alive(20.0).values("pk")
        assert Task.objects.orphaned(alive, 20, 20).get() == row
        assert health.examine().workers[0]["age"] == 22


def test_a_schedule_of_seconds_over_the_change_waits_so_many(change, product):
    with clock_at(change):
        row = noting.schedule(40, product)
    with clock_at(change + 39 * SECOND):
        assert work(row).is_queued
        assert not Task.objects.due().exists()
    with clock_at(change + 41 * SECOND):
        assert Task.objects.due().get() == row
        assert work(row).is_finished


def test_a_schedule_of_days_over_the_change_waits_days_of_24_hours(change, product):
    with clock_at(change - DAY):
        row = noting.schedule(2 * DAY, product)
    row.refresh_from_db()
    assert in_utc(row.due) == in_utc(row.scheduled_for) == change + DAY
    with clock_at(change + DAY - SECOND):
        assert work(row).is_queued
    with clock_at(change + DAY + SECOND):
        assert work(row).is_finished


def test_a_retry_after_days_over_the_change_waits_days_of_24_hours(change, product):
    @declared(bind=True)
    def again(self, product):
        raise self.retry(countdown=2 * DAY.total_seconds())

    with clock_at(change - DAY):
        row = work(again.delayed(product))
    assert in_utc(row.due) == change + DAY
    assert row.errors[0]["at"].startswith((change - DAY).isoformat())


def test_rows_that_were_made_around_the_change_run_in_their_order(change, product):
    rows = []
    for minutes in (-40, -20, 10, 30, 70):
        with clock_at(change + timedelta(minutes=minutes)):
            rows.append(noting.delayed(product))
    Task.objects.update(due=Moment(-1))
    assert list(Task.objects.in_order()) == rows
    with clock_at(change + timedelta(minutes=25)):
        assert list(Task.objects.waiting_for(0.0).order_by("pk")) == rows[:3]


def test_a_naive_time_is_that_of_the_local_clock(change, product):
    # Noon on the day after the change, whose offset is another one than that of the day before.
    noon = datetime.combine(change.date() + DAY, datetime.min.time()).replace(hour=12)
    with clock_at(change - DAY):
        row = noting.schedule(noon, product)
    row.refresh_from_db()
    there = timezone.make_aware(noon, timezone.get_default_timezone())
    assert in_utc(row.due) == in_utc(there)


def test_ended_rows_are_kept_for_days_of_24_hours(change, settings):
    settings.BOOGIE_TASKS = {"RETENTION": {"finished": 2 * DAY}}
    stored("finished", started=as_user(change - DAY), ended=as_user(change - DAY))
    with clock_at(change + DAY - SECOND):
        assert purge.purge() == 0
    with clock_at(change + DAY + SECOND):
        assert purge.purge() == 1


def test_what_ends_around_the_change_is_counted_in_hours_of_utc(change, product):
    for minutes in (-90, -30, 10, 30, 70, 130):
        ended(product, change + timedelta(minutes=minutes))
    count_at(change + 3 * HOUR)
    first = Rollup.objects.values_list("start", "count")
    found = {in_utc(start): count for start, count in first.filter(span="hour")}
    this = change.replace(minute=0, second=0)
    hours = {-1: 1, 0: 1, 1: 2, 2: 1, 3: 1}
    assert found == {this + n * HOUR: count for n, count in hours.items()}
    days = [count for _, count in first.filter(span="day").order_by("start")]
    assert sum(days) == 6
    count_at(change + 4 * HOUR)
    assert {in_utc(start): count for start, count in first.filter(span="hour")} == found
