"""Times are right whatever zone the project, the database and the caller live in."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test import override_settings
from django.utils import timezone

from boogie.apps.tasks import Task, Worker
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.keeper import thread
from tests.project.shop.models import Product
from tests.support.runs import declared, work

pytestmark = pytest.mark.django_db

noting = declared(lambda product: "done")
LATER = datetime(2100, 7, 1, 12, tzinfo=UTC)


@pytest.fixture(params=["UTC", "America/St_Johns", "Asia/Kolkata", "Pacific/Apia"])
def zone(request):
    """``TIME_ZONE`` of the project; the database still stores what Django stores in it."""
    with override_settings(TIME_ZONE=request.param):
        yield ZoneInfo(request.param)


@pytest.fixture
def naive(transactional_db):
    """``USE_TZ = False``: every time is naive, in ``TIME_ZONE``; a connection knows which it is."""
    connection.close()
    with override_settings(USE_TZ=False, TIME_ZONE="Asia/Kolkata"):
        yield ZoneInfo("Asia/Kolkata")
        connection.close()


def recent(moment):
    return abs(moment - timezone.now()) < timedelta(minutes=5)


def test_the_moments_of_a_row_are_now_in_any_zone(zone):
    product = Product.objects.create(name="pen")
    row = work(noting.delayed(product))
    assert row.is_finished
    assert all(recent(moment) for moment in (row.created, row.started, row.ended))


def test_the_databases_clock_agrees_with_ours_in_any_zone(zone):
    row = noting.delayed(Product.objects.create(name="pen"))
    hour = timedelta(hours=1)
    Task.objects.filter(pk=row.pk).update(due=timezone.now() - hour / 2)
    assert Task.objects.filter(due__lte=Moment(), due__gt=Moment(-3600)).count() == 1
    Task.objects.filter(pk=row.pk).update(due=timezone.now() + hour / 2)
    assert Task.objects.filter(due__gt=Moment(), due__lt=Moment(3600)).count() == 1


def test_a_schedule_of_a_naive_time_is_in_the_zone_of_the_project(zone):
    wall = LATER.astimezone(zone).replace(tzinfo=None)
    row = noting.schedule(wall, Product.objects.create(name="pen"))
    row.refresh_from_db()
    assert row.scheduled_for == LATER


def test_a_schedule_of_some_seconds_is_so_far_from_now_in_any_zone(zone):
    row = noting.schedule(3600, Product.objects.create(name="pen"))
    row.refresh_from_db()
    assert recent(row.scheduled_for - timedelta(hours=1))
    assert work(row).is_queued
    past = noting.schedule(timezone.now() - timedelta(minutes=1), row.object)
    assert work(past).is_finished


def test_a_worker_is_alive_in_any_zone(zone):
    thread.beat("here@host/1", {})
    assert Worker.objects.get().is_alive
    Worker.objects.update(seen=timezone.now() - timedelta(minutes=1))
    assert not Worker.objects.get().is_alive


# --- USE_TZ = False ---------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_without_time_zones_a_row_runs_and_its_times_are_local(naive):
    row = work(noting.delayed(Product.objects.create(name="pen")))
    assert row.is_finished
    for moment in (row.created, row.started, row.ended):
        assert timezone.is_naive(moment)
        assert abs(moment - datetime.now(naive).replace(tzinfo=None)) < timedelta(minutes=5)


@pytest.mark.django_db(transaction=True)
def test_without_time_zones_a_schedule_takes_naive_and_aware_times(naive):
    product = Product.objects.create(name="pen")
    wall = LATER.astimezone(naive).replace(tzinfo=None)
    for given in (wall, LATER, LATER.astimezone(ZoneInfo("America/St_Johns"))):
        row = noting.schedule(given, product)
        row.refresh_from_db()
        assert row.scheduled_for == wall
        assert work(row).is_queued


@pytest.mark.django_db(transaction=True)
def test_without_time_zones_seconds_count_from_now(naive):
    product = Product.objects.create(name="pen")
    later = noting.schedule(3600, product)
    later.refresh_from_db()
    ahead = later.scheduled_for - datetime.now(naive).replace(tzinfo=None)
    assert timedelta(minutes=55) < ahead < timedelta(minutes=65)
    assert work(later).is_queued
    assert work(noting.schedule(-5, product)).is_finished
