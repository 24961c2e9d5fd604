"""The four ways to make a row, and the one that makes none."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction

import pytest
from django.test import override_settings
from django.utils import timezone as django_timezone

from boogie.apps.tasks import Task, current_app
from boogie.apps.tasks.broker import doorbell
from tests.project.celery import app
from tests.project.shop.models import Product
from tests.support.runs import declared, work
from tests.support.statements import statements

pytestmark = pytest.mark.django_db


@declared(queue="own", priority=7)
def greet(product, word="hello", *, loud=False):
    return f"{word} {product.name}" + "!" * loud


@declared
def plain(product, *args, **kwargs):
    return [product.name, args, kwargs]


@declared
def broken(product):
    raise LookupError("no such thing")


@pytest.fixture
def product():
    return Product.objects.create(name="pen")


# --- a plain call ---------------------------------------------------------------------


def test_a_plain_call_is_the_function_and_makes_no_row(product):
    with statements() as made:
        assert greet(product, "hi", loud=True) == "hi pen!"
    assert made == []
    with pytest.raises(LookupError):
        broken(product)
    assert Task.objects.count() == 0


# --- call -----------------------------------------------------------------------------


def test_call_returns_what_the_function_returned_and_leaves_a_finished_row(product):
    assert greet.call(product, "hi", loud=True) == "hi pen!"
    row = Task.objects.get()
    assert row.is_finished
    assert row.result == row.get_result() == "hi pen!"
    assert (row.args, row.kwargs) == (["hi"], {"loud": True})
    assert (row.attempt, row.retries, row.losses, row.errors) == (1, 0, 0, [])
    assert row.created <= row.started <= row.ended
    assert row.due is None
    assert row.worker.startswith("process@call:")


def test_call_returns_the_very_object_that_the_function_returned(product):
    class Result(list):
        pass

    result = Result([1])
    returning = declared(lambda product: result)
    assert returning.call(product) is result


def test_call_passes_the_very_object_and_the_arguments_as_a_worker_would_get_them(product):
    seen = []
    looking = declared(lambda *args, **kwargs: seen.append((args, kwargs)))
    looking.call(product, (1, 2), when=Decimal("1.0"))
    ((obj, pair), kwargs) = seen[0]
    assert obj is product
    assert pair == [1, 2]
    assert kwargs == {"when": Decimal("1.0")}


def test_call_records_an_exception_and_raises_it_unchanged(product):
    raised = LookupError("no such thing")

    def body(product):
        raise raised

    failing = declared(body)
    with pytest.raises(LookupError) as caught:
        failing.call(product)
    assert caught.value is raised
    row = failing.tasks().get()
    assert row.is_failed
    assert row.error == "LookupError: no such thing"
    assert row.ended is not None


# --- delayed and paused ---------------------------------------------------------------


def test_delayed_makes_a_queued_row_that_a_worker_finishes(product):
    row = greet.delayed(product, loud=True)
    assert isinstance(row, Task)
    assert row.is_queued
    assert (row.name, row.queue, row.priority) == (greet.name, "own", 7)
    assert (row.object_id, row.object_db) == (str(product.pk), "default")
    assert row.id.version == 7
    assert work(row).get_result() == "hello pen!"
    assert row.attempt == 1


def test_a_fresh_row_has_all_its_columns_without_being_read_again(product):
    row = greet.delayed(product)
    stored = Task.objects.get(pk=row.pk)
    for field in Task._meta.concrete_fields:
        assert getattr(row, field.attname) == getattr(stored, field.attname), field.name


def test_paused_makes_a_paused_row_that_no_doorbell_starts_until_it_is_run(product):
    row = greet.paused(product)
    assert row.is_paused
    assert row.due is None
    assert work(row).is_paused
    assert row.run() is True
    assert row.is_queued
    assert work(row).get_result() == "hello pen"


@pytest.fixture
def routes():
    """Return a function that sets the routes of the app."""
    yield lambda routes: app.conf.update(task_routes=routes)
    app.conf.update(task_routes=None)
    del app.conf.changes["task_routes"]


def test_without_a_queue_the_default_queue_or_task_routes_decides(product, routes):
    assert plain.delayed(product).queue == app.conf.task_default_queue
    routes({plain.name: {"queue": "routed"}})
    assert plain.delayed(product).queue == "routed"
    assert greet.delayed(product).queue == "own"


def test_another_default_queue_is_noticed(product):
    plain.delayed(product)
    with override_settings(CELERY_TASK_DEFAULT_QUEUE="other"):
        assert plain.delayed(product).queue == "other"


def test_a_router_of_the_project_is_asked_each_time(product, routes):
    queues = iter(["first", "second"])
    routes([lambda name, *rest, **options: {"queue": next(queues)}])
    assert plain.delayed(product).queue == "first"
    assert plain.delayed(product).queue == "second"


def test_a_fresh_row_is_due_at_once_where_the_table_is_the_broker(product, monkeypatch):
    monkeypatch.setattr(current_app, "needs_ringing", lambda *app: False)
    row = plain.delayed(product)
    assert row in Task.objects.due()


@override_settings(BOOGIE_TASKS={"RING_AGAIN": 600})
def test_a_row_whose_doorbell_is_published_is_due_when_it_is_to_be_rung_again(
    product, monkeypatch, django_capture_on_commit_callbacks
):
    rung = []
    monkeypatch.setattr(current_app, "needs_ringing", lambda *app: True)
    monkeypatch.setattr(doorbell, "ring", lambda rows: rung.extend(rows) or [])
    with django_capture_on_commit_callbacks(execute=True):
        row = plain.delayed(product)
        assert rung == []
    assert rung == [row]
    row.refresh_from_db()
    assert timedelta(minutes=9) < row.due - row.created <= timedelta(minutes=10)


def test_a_row_whose_doorbell_could_not_be_rung_is_due_at_once(
    product, monkeypatch, django_capture_on_commit_callbacks
):
    monkeypatch.setattr(current_app, "needs_ringing", lambda *app: True)
    monkeypatch.setattr(doorbell, "ring", list)
    with django_capture_on_commit_callbacks(execute=True):
        row = plain.delayed(product)
    assert row in Task.objects.due()


# --- schedule -------------------------------------------------------------------------

LATER = datetime(2100, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("delay", [600, 600.5, Fraction(1201, 2), timedelta(minutes=10)], ids=repr)
def test_schedule_takes_a_number_of_seconds_or_a_timedelta_from_now(product, delay):
    row = greet.schedule(delay, product)
    assert row.is_queued
    assert timedelta(minutes=9) < row.scheduled_for - row.created < timedelta(minutes=11)
    assert row.due == row.not_before == row.scheduled_for
    assert work(row).is_queued


def test_schedule_takes_an_aware_datetime_of_any_zone(product):
    row = greet.schedule(LATER, product)
    assert row.scheduled_for == LATER
    row.refresh_from_db()
    assert row.scheduled_for == LATER
    eastern = LATER.astimezone(timezone(timedelta(hours=-5)))
    assert greet.schedule(eastern, product).scheduled_for == LATER


def test_schedule_takes_a_naive_datetime_in_the_current_time_zone(product):
    naive = LATER.replace(tzinfo=None)
    with django_timezone.override("Asia/Kolkata"):
        row = greet.schedule(naive, product)
    row.refresh_from_db()
    assert row.scheduled_for == LATER - timedelta(hours=5, minutes=30)


@pytest.mark.parametrize(
    "past", [0, -5, -1e9, timedelta(days=-1), datetime(2001, 1, 1, tzinfo=UTC)], ids=repr
)
def test_schedule_in_the_past_means_now(product, past):
    row = greet.schedule(past, product)
    assert row in Task.objects.due()
    assert work(row).is_finished


@pytest.mark.parametrize(
    "time",
    [True, False, "10", "2100-01-01", None, LATER.date(), LATER.time(), [5], 1j, Decimal(5)],
    ids=repr,
)
def test_schedule_takes_nothing_else(product, time):
    with pytest.raises(TypeError, match=r"a number of seconds, a timedelta or a datetime"):
        greet.schedule(time, product)
    assert Task.objects.count() == 0


@pytest.mark.parametrize("delay", [float("nan"), float("inf"), 1e300], ids=repr)
def test_a_number_that_is_no_time_is_refused(product, delay):
    with pytest.raises((ValueError, TypeError)):
        greet.schedule(delay, product)
    assert Task.objects.count() == 0


def test_a_scheduled_row_that_is_paused_and_run_keeps_its_time(product):
    row = greet.schedule(LATER, product)
    assert row.pause() is True
    assert row.run() is True
    assert row.scheduled_for == row.due == LATER
    assert work(row).is_queued
