"""Cron monitors of Sentry: schedules check in."""

from datetime import timedelta

import pytest
from celery.schedules import crontab

from boogie.apps.tasks import Schedule, Task, TaskCancelled, recurring, schedules, task
from boogie.apps.tasks.contexts import monitors
from boogie.apps.tasks.execution import losses, start
from boogie.apps.tasks.scheduling import objects
from boogie.apps.tasks.testing import run_schedules, travel
from tests.project.shop.models import Product
from tests.support.runs import declared, now_due, work

pytestmark = pytest.mark.django_db

HOURLY = timedelta(hours=1)


@pytest.fixture(autouse=True)
def _nothing_declared(monkeypatch):
    monkeypatch.setattr(schedules, "_declared", {})


def report(self, product, how="well"):
    if how == "again" and not self.request.retries:
        raise self.retry(countdown=0)
    if how == "enough":
        raise TaskCancelled(how)
    if how == "badly":
        raise ValueError(how)


def told(sent):
    """Return what monitors were told: how it is, and of which run."""
    return [(one["status"], one["check_in_id"]) for one in sent("check_in")]


@pytest.mark.parametrize(
    ("how", "attempts", "end"),
    [("well", 1, "ok"), ("badly", 1, "error"), ("enough", 1, "error"), ("again", 2, "ok")],
)
def test_the_run_of_a_slot_checks_in_and_says_how_it_ended(sent, pen, how, attempts, end):
    declared(report, bind=True).using(name="Reports: daily").repeat(HOURLY, pen, how)
    with travel(3600):
        assert run_schedules() == 1
        row = Task.objects.get()
        for _ in range(attempts):
            row = work(now_due(row))
    run = row.pk.hex
    assert told(sent) == [("in_progress", run)] * attempts + [(end, run)]
    for check_in in sent("check_in"):
        assert check_in["monitor_slug"] == "reports-daily"
        config = check_in["monitor_config"]
        assert config["schedule"] == {"type": "interval", "value": 1, "unit": "hour"}
        assert config["timezone"] == Schedule.objects.get().time_zone


def test_a_run_that_was_lost_for_good_is_told(sent, pen):
    body = declared(report, bind=True, rescue=False)
    body.using(name="lost").repeat(HOURLY, pen)
    with travel(3600):
        run_schedules()
        losses.lose(start.claim_row(Task.objects.get().pk, [body.name]), "it was killed")
    assert told(sent)[-1] == ("error", Task.objects.get().pk.hex)


def test_a_slot_over_many_objects_checks_in_once_however_many_portions_it_has(sent, monkeypatch):
    monkeypatch.setattr(objects, "PORTION", 2)
    Product.objects.bulk_create(Product(name=f"pen {number}") for number in range(5))

    @recurring(crontab(hour=3, minute=30), objects=Product.objects.all, time_zone="Europe/Berlin")
    @task(name="db.contexts.monitors.nightly")
    def nightly(product):
        raise ValueError("its own event")

    run_schedules()
    with travel(24 * 3600):
        assert run_schedules() == 5
        for row in Task.objects.all():
            assert monitors.MONITOR not in row.context["boogie.apps.tasks.contexts.Sentry"]
            work(row)
    assert {status for status, _ in told(sent)} == {"ok"}
    assert len({key for _, key in told(sent)}) == 1
    check_in = sent("check_in")[0]
    assert check_in["monitor_slug"] == "db-contexts-monitors-nightly"
    times = {"type": "crontab", "value": "30 3 * * *"}
    assert check_in["monitor_config"] == {"schedule": times, "timezone": "Europe/Berlin"}
    with travel(48 * 3600):
        run_schedules()
    assert len({key for _, key in told(sent)}) == 2


def test_a_slot_over_no_objects_checks_in_too(sent):
    @recurring(HOURLY, objects=Product.objects.none)
    @task(name="db.contexts.monitors.idle")
    def idle(product):
        """There is nobody to do it for."""

    run_schedules()
    with travel(2 * 3600):
        assert run_schedules() == 0
    assert [status for status, _ in told(sent)] == ["ok"]


@pytest.mark.parametrize("seconds", [20, 90])
def test_what_sentry_cannot_count_has_no_monitor(sent, pen, seconds):
    declared(report, bind=True).repeat(timedelta(seconds=seconds), pen)
    with travel(seconds):
        run_schedules()
        work(Task.objects.get())
    assert sent("check_in") == []


def test_what_a_run_makes_and_what_nobody_has_scheduled_checks_in_nowhere(sent, pen):
    inner = declared(lambda product: None)
    outer = declared(lambda product: inner.delayed(product) and None)
    outer.repeat(HOURLY, pen)
    with travel(3600):
        run_schedules()
        work(Task.objects.get())
    work(inner.tasks().get())
    work(inner.delayed(pen))
    assert len(sent("check_in")) == 2


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("reports.tasks.nightly", "reports-tasks-nightly"),
        ("Every Monday: mail", "every-monday-mail"),
        ("x" * 60, "x" * 41 + "-42f2d973"),
        ("\u6708\u6b21", "schedule-b639a30e"),
        ("123", "123-a665a459"),
    ],
)
def test_the_name_of_a_monitor_is_one_that_sentry_takes(name, slug):
    assert monitors.slug(name) == slug
    assert len(slug) <= monitors.MAX_SLUG
