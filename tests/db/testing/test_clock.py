"""``freeze()`` and ``travel()``: the database's clock in the hands of a test."""

import asyncio
import threading
from datetime import UTC, datetime, timedelta, timezone

import pytest
from django.db import connection
from django.test import override_settings
from django.utils import timezone as django_timezone

from boogie.apps.tasks import Task, Worker, task
from boogie.apps.tasks.db import clock, compiled
from boogie.apps.tasks.db.moments import in_utc
from boogie.apps.tasks.execution import start
from boogie.apps.tasks.keeper import purge
from boogie.apps.tasks.monitoring import durations, walking
from boogie.apps.tasks.monitoring.filters import Filters
from boogie.apps.tasks.rollups.ranges import Range
from boogie.apps.tasks.testing import freeze, run_tasks, travel
from tests.project.shop.models import Product
from tests.support.rows import stored
from tests.support.runs import declared

pytestmark = pytest.mark.django_db

MOMENT = datetime(2031, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)
NEAR = timedelta(minutes=5)


@pytest.fixture
def product():
    return Product.objects.create(name="thing")


@task(name="tests.clock.tick")
def tick(product):
    return 1


def now():
    return clock.read("default")


def is_real():
    return abs(now() - datetime.now(UTC)) < NEAR


# --- what time it is --------------------------------------------------------------------


def test_the_clock_stands_still():
    with freeze(MOMENT):
        assert now() == MOMENT
        assert now() == MOMENT
        assert clock.here() == MOMENT
    assert is_real()
    assert abs(clock.here() - datetime.now(UTC)) < NEAR


def test_the_clock_goes_on_from_where_it_was_put():
    with travel(timedelta(days=3)):
        first = now()
        assert abs(first - datetime.now(UTC) - timedelta(days=3)) < NEAR
        while now() == first:  # it moves
            pass
        with travel(-3 * 86400):
            assert is_real()
        assert abs(clock.here() - first) < NEAR
    assert is_real()


def test_one_within_another():
    with freeze(MOMENT):
        with travel(60):
            assert now() == MOMENT + timedelta(minutes=1)
            with travel(timedelta(hours=-1)):
                assert now() == MOMENT - timedelta(minutes=59)
            with freeze(MOMENT + timedelta(days=1)):
                assert now() == MOMENT + timedelta(days=1)
            assert now() == MOMENT + timedelta(minutes=1)
        assert now() == MOMENT
    with travel(timedelta(days=1)), freeze(MOMENT):
        assert now() == MOMENT


def test_an_error_ends_it():
    with pytest.raises(LookupError), freeze(MOMENT), travel(5):
        raise LookupError
    assert is_real()
    assert clock.pretended() is None


def test_threads_and_event_loops_of_the_test_have_the_same_clock():
    seen = []
    with freeze(MOMENT):
        thread = threading.Thread(target=lambda: seen.append(clock.pretended().at))
        thread.start()
        thread.join()

        async def look():
            return await asyncio.to_thread(clock.here)

        seen.append(asyncio.run(look()))
    assert seen == [MOMENT, MOMENT]


def test_other_zones_are_other_words_for_a_moment():
    with freeze(MOMENT.astimezone(timezone(timedelta(hours=9)))):
        assert now() == MOMENT


def test_moments_are_aware_unless_the_project_has_no_zones():
    with (
        pytest.raises(ValueError, match=r"takes an aware datetime, not the naive"),
        freeze(datetime(2026, 1, 1)),
    ):
        pass
    assert is_real()
    with override_settings(USE_TZ=False, TIME_ZONE="Asia/Tokyo"), freeze(datetime(2026, 1, 1, 9)):
        assert now() == datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("wrong", [5, "2026-01-01", MOMENT.date(), None])
def test_what_is_no_moment_is_refused(wrong):
    with pytest.raises(TypeError, match=r"freeze\(\) takes a datetime, not"), freeze(wrong):
        pass


@pytest.mark.parametrize("wrong", [MOMENT, "1 day", True, None])
def test_what_is_no_length_of_time_is_refused(wrong):
    with pytest.raises(TypeError, match=r"travel\(\) takes a timedelta or a number"), travel(wrong):
        pass


# --- what Boogie asks the time for -----------------------------------------------------


def test_every_time_of_a_row_is_of_that_clock(product):
    row = tick.delayed(product)  # statements have been compiled before
    run_tasks()
    with freeze(MOMENT):
        row = tick.delayed(product)
        many = tick.each([product])
        called = declared(lambda product: 1)
        called.call(product)
        run_tasks()
    for each in (row, many.get(), called.tasks().get()):
        each.refresh_from_db()
        assert {in_utc(getattr(each, name)) for name in ("created", "started", "ended")} == {MOMENT}
    after = tick.delayed(product)
    assert abs(in_utc(after.created) - datetime.now(UTC)) < NEAR


def test_errors_are_dated_by_it(product):
    fails = declared(lambda product: 1 / 0)
    ahead = timedelta(days=100)
    with freeze(MOMENT):
        fails.delayed(product)
        run_tasks()
    with travel(ahead):
        fails.delayed(product)
        run_tasks()
    rows = fails.tasks().order_by("pk")
    first, second = (datetime.fromisoformat(row.errors[0]["at"]) for row in rows)
    assert abs(first - MOMENT) < timedelta(milliseconds=1)
    assert abs(second - datetime.now(UTC) - ahead) < NEAR


@pytest.mark.parametrize("ahead", [timedelta(hours=1), timedelta(days=400)])
def test_a_scheduled_row_is_due_when_its_time_has_come(product, ahead):
    row = tick.schedule(ahead, product)
    with travel(ahead - NEAR):
        assert run_tasks()["finished"] == 0
        assert not Task.objects.due().exists()
    with travel(ahead + NEAR):
        assert Task.objects.due().get() == row
        assert run_tasks()["finished"] == 1


def test_a_schedule_counts_from_it(product):
    with freeze(MOMENT):
        row = tick.schedule(60, product)
        row.refresh_from_db()
        assert in_utc(row.scheduled_for) == MOMENT + timedelta(minutes=1)
        assert run_tasks()["finished"] == 0
        with travel(60):
            assert run_tasks()["finished"] == 1


def test_ended_rows_are_past_their_retention(product):
    row = tick.delayed(product)
    run_tasks()
    purge.purge()
    assert Task.objects.filter(pk=row.pk).exists()
    with travel(timedelta(days=31)):
        purge.purge()
    assert not Task.objects.filter(pk=row.pk).exists()


def test_a_worker_that_is_silent_for_long_is_dead_and_its_rows_are_orphans(product):
    worker = Worker.objects.create(pk="worker@there/1", pid=1, concurrency=1)
    row = tick.delayed(product)
    start.claim_row(str(row.pk), [tick.name])
    Task.objects.filter(pk=row.pk).update(worker=worker.pk)

    def look():
        alive = Worker.objects.alive(20).values("pk")
        return list(alive), list(Task.objects.orphaned(alive, 20, 3600))

    assert look() == ([{"pk": worker.pk}], [])
    with travel(60):
        assert look() == ([], [row])


def test_what_pages_show_of_ages_goes_by_it(product):
    row = stored("queued", product)
    with travel(timedelta(days=2)):
        assert durations.age(row.created) > timedelta(days=1)
        assert Range.parse({"range": "24h"}).until > datetime.now(UTC) + timedelta(days=1)
        made = tick.delayed(product)
        filters = Filters.parse({"since": "1h"})
        assert list(filters.apply(Task.objects.all())) == [made]
        path = walking._path(filters, ("-pk",))
        assert list(path) == [made, row]  # where no index of ids says which are newer


def test_nothing_compiled_within_is_kept():
    compiled.forget()
    with freeze(MOMENT):
        Task.objects.due().exists()
        tick.delayed(Product.objects.create())
    entries = dict(compiled._cache.entries)
    assert not [key for key in entries if "insert" in repr(key).lower()]


def test_the_rest_of_the_project_has_its_own_time():
    with freeze(MOMENT), connection.cursor() as cursor:
        cursor.execute("SELECT CURRENT_TIMESTAMP")
        assert "2031" not in str(cursor.fetchone()[0])
        assert django_timezone.now().year != 2031
