"""Times are stored in UTC: local time, and what summer does to it, changes nothing of them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings
from django.db import connection
from django.db.models import Count, F, Max, Q
from django.db.models.functions import ExtractHour, TruncDate, TruncDay, TruncHour
from django.utils import timezone

from boogie.apps.tasks import Message, Task, Worker
from boogie.apps.tasks.db import clock
from boogie.apps.tasks.keeper import heartbeat
from boogie.apps.tasks.monitoring import health
from tests.project.shop.models import Product
from tests.support.rows import stored
from tests.support.runs import declared, work
from tests.support.zones import CHANGES, as_user, in_utc

pytestmark = pytest.mark.django_db

noting = declared(lambda product: "done")

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)


def around(change):
    """Moments from an hour before a change to two hours after it."""
    return [change + timedelta(minutes=20 * n) for n in range(-3, 7)]


def test_a_moment_is_read_as_it_was_written_around_a_change_of_clocks(change):
    for moment in around(change):
        row = stored("paused", created=as_user(moment), scheduled_for=as_user(moment))
        row.refresh_from_db()
        assert in_utc(row.created) == moment
        assert timezone.is_naive(row.created) is timezone.is_naive(timezone.now())
        row.save()  # what was read is written again
        row.refresh_from_db()
        assert in_utc(row.scheduled_for) == moment


def test_moments_have_their_order_around_a_change_of_clocks(change):
    moments = around(change)
    rows = [stored("queued", created=as_user(m), due=as_user(m)) for m in reversed(moments)]
    assert [in_utc(row.created) for row in Task.objects.in_order()] == moments
    for number, moment in enumerate(moments):
        assert Task.objects.filter(due__lt=as_user(moment)).count() == number
        assert Task.objects.filter(due__gte=as_user(moment)).count() == len(rows) - number
        assert Task.objects.get(due=as_user(moment)) == rows[-1 - number]
    assert in_utc(Task.objects.aggregate(last=Max("due"))["last"]) == moments[-1]


def test_the_time_between_moments_is_what_has_gone_by(change):
    stored("finished", started=as_user(change), ended=as_user(change + 2 * SECOND))
    row = Task.objects.annotate(took=F("ended") - F("started")).get()
    assert row.took == 2 * SECOND
    if timezone.is_aware(row.ended):
        assert row.ended - row.started == 2 * SECOND


# --- the database's clock ---------------------------------------------------------------

#: What a change of clocks does, in spring and in autumn: the offset is another one.
SHIFTS = [("Etc/GMT-1", "Etc/GMT-2"), ("Etc/GMT-2", "Etc/GMT-1"), ("Etc/GMT+5", "Etc/GMT+4")]


@pytest.fixture(params=SHIFTS, ids=str)
def shift(request, live_in):
    """Live in one offset, and return what changes it."""
    before, after = request.param
    live_in(before)
    return lambda: live_in(after)


def test_a_worker_lives_on_when_clocks_are_changed(shift):
    heartbeat.beat("here@host/1", {})
    shift()
    assert Worker.objects.get().is_alive
    assert not Worker.objects.dead(20.0).exists()
    (worker,) = health.examine().workers
    assert 0 <= worker["age"] < 60
    assert 0 <= worker["uptime"] < 60


def test_a_row_is_due_when_it_is_though_clocks_are_changed(shift):
    product = Product.objects.create(name="pen")
    now, soon = noting.delayed(product), noting.schedule(40, product)
    started = stored("running", started=clock.Moment())
    shift()
    assert set(Task.objects.filter(due__lte=clock.Moment(90), due__gt=clock.Moment(-90))) == {
        now,
        soon,
    }
    assert not Task.objects.orphaned([], 60.0, 60.0).exists()
    assert 0 <= health.examine().oldest_due < 60
    assert work(now).is_finished
    assert work(soon).is_queued
    assert started in Task.objects.running()


def test_a_schedule_is_so_far_ahead_though_clocks_are_changed(shift):
    row = noting.schedule(timedelta(days=2), Product.objects.create(name="pen"))
    shift()
    left = Task.objects.annotate(left=F("due") - clock.Moment()).get(pk=row.pk).left
    assert timedelta(days=2, minutes=-1) < left <= timedelta(days=2)


# --- what users ask -----------------------------------------------------------------------

#: In Berlin the 25th, in New York the 24th, in UTC the 25th.
LATE = datetime(2026, 7, 25, 3, 45, 6, 789000)


@pytest.fixture(params=CHANGES)
def zone(request, live_in):
    """The zone of the project, in which Django itself can tell the parts of a time."""
    live_in(request.param)
    by_server = settings.USE_TZ and connection.settings_dict["TIME_ZONE"] is None
    if by_server and not connection.features.has_zoneinfo_database:
        pytest.skip("the server does not know the zones")
    return ZoneInfo(request.param)


def test_now_is_the_now_of_the_database(zone):
    stored("queued", due=clock.Moment(), created=timezone.now())
    minute = timedelta(minutes=1)
    recent = {"gte": timezone.now() - minute, "lte": timezone.now() + minute}
    assert Task.objects.filter(created__gte=recent["gte"], created__lte=recent["lte"]).exists()
    assert Task.objects.filter(due__range=(recent["gte"], recent["lte"])).exists()
    aware = datetime.now(UTC)  # also without USE_TZ
    assert Task.objects.filter(due__range=(aware - minute, aware + minute)).exists()


def test_parts_of_a_time_are_those_of_local_time(zone):
    row = stored("paused", created=as_user(LATE))
    local = LATE.replace(tzinfo=UTC).astimezone(zone)
    parts = {
        "date": local.date(),
        "time": local.time(),
        "hour": local.hour,
        "hour__lte": local.hour,
        "minute": 45,
        "day": local.day,
        "month": 7,
        "year": 2026,
        "year__gt": 2025,
        "week_day": local.isoweekday() % 7 + 1,
    }
    for name, value in parts.items():
        assert Task.objects.filter(**{f"created__{name}": value}).get() == row, name
    assert not Task.objects.filter(created__date=local.date() + timedelta(days=1)).exists()
    assert Task.objects.values_list("created__date", "created__hour").get() == (
        local.date(),
        local.hour,
    )
    assert Task.objects.order_by("created__hour").get() == row


def test_a_year_begins_at_its_local_midnight(zone):
    offset = zone.utcoffset(datetime(2026, 1, 1))
    first = datetime(2026, 1, 1) - offset
    stored("paused", created=as_user(first - SECOND))
    row = stored("paused", created=as_user(first))
    assert Task.objects.get(created__year=2026) == row
    assert Task.objects.get(created__year__gte=2026) == row


def test_functions_of_dates_are_in_local_time(zone):
    stored("paused", created=as_user(LATE))
    local = LATE.replace(tzinfo=UTC).astimezone(zone)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    if timezone.is_naive(timezone.now()):
        midnight = midnight.replace(tzinfo=None)
    row = Task.objects.annotate(
        day=TruncDay("created"), at=TruncHour("created"), hour=ExtractHour("created") + 1
    ).get()
    assert row.day == midnight
    assert row.at == midnight + local.hour * HOUR
    assert row.hour == local.hour + 1
    assert list(Task.objects.values_list(TruncDay("created"), flat=True)) == [midnight]
    assert list(Task.objects.dates("created", "day")) == [local.date()]
    assert list(Task.objects.datetimes("created", "day")) == [midnight]
    assert list(Task.objects.alias(hour=ExtractHour("created")).filter(hour=local.hour)) == [row]


def test_rows_are_counted_by_local_days(zone):
    local = LATE.replace(tzinfo=UTC).astimezone(zone)
    midnight = datetime(local.year, local.month, local.day, tzinfo=zone).astimezone(UTC)
    first = midnight.replace(tzinfo=None)
    for moment in (first - SECOND, first, LATE, first + 24 * HOUR - SECOND, first + 24 * HOUR):
        stored("paused", created=as_user(moment))
    days = [local.date() + timedelta(days=n) for n in (-1, 0, 1)]
    by_day = Task.objects.values("created__date").annotate(n=Count("pk")).order_by("created__date")
    assert list(by_day.values_list("created__date", "n")) == list(zip(days, [1, 3, 1], strict=True))
    truncated = Task.objects.values(day=TruncDate("created")).annotate(n=Count("pk"))
    assert {each["day"]: each["n"] for each in truncated} == dict(zip(days, [1, 3, 1], strict=True))
    assert Task.objects.aggregate(n=Count(TruncDate("created"), distinct=True)) == {"n": 3}
    latest = Task.objects.order_by(ExtractHour("created").desc()).values_list("created__hour")
    assert latest[0] == (23,)
    assert Task.objects.filter(created__date=days[1]).count() == 3
    conditional = Count("pk", filter=Q(created__date=days[1]))
    assert Task.objects.aggregate(n=conditional) == {"n": 3}


def test_a_column_in_utc_has_what_other_clients_read(zone):
    stored("paused", created=as_user(LATE))
    with connection.cursor() as cursor:
        cursor.execute("SELECT created FROM boogie_tasks_task")
        (found,) = cursor.fetchone()
    if connection.vendor == "postgresql":
        assert in_utc(found) == LATE
    else:
        assert str(found) == str(LATE)


def test_messages_and_workers_keep_moments_too(zone):
    message = Message.objects.create(queue="q", payload="{}", created=as_user(LATE))
    message.refresh_from_db()
    assert in_utc(message.created) == LATE
    local = LATE.replace(tzinfo=UTC).astimezone(zone)
    assert Message.objects.filter(created__date=local.date()).exists()


def test_a_time_that_was_read_finds_the_row_that_has_it():
    row = noting.delayed(Product.objects.create(name="pen"))
    row = Task.objects.get(pk=row.pk)
    same = Task.objects.filter(pk=row.pk)
    assert same.filter(created=row.created).exists()
    assert not same.filter(created__lt=row.created).exists()
    assert not same.filter(created__gt=row.created).exists()
