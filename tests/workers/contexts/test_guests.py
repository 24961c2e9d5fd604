"""Contexts with real workers, on every broker, with the packages that they are for."""

import json

import pytest
import structlog
from celery import signals
from django.utils import timezone, translation
from django_structlog.celery.receivers import CeleryReceiver
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from boogie.apps.tasks import Task, TaskFailed
from tests.project.shop import functions
from tests.project.shop.models import Product
from tests.project.travelling import lose_word, tell
from tests.support.processes import PATIENCE
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.worker, pytest.mark.django_db(transaction=True)]

CONTEXTS = [
    f"boogie.apps.tasks.contexts.{name}"
    for name in ("Language", "Headers", "OpenTelemetry", "Sentry")
]
SENTRY = CONTEXTS[-1]


@pytest.fixture
def guests(worker, settings, tmp_path):
    """A function that returns what a worker with all packages has written, of one kind."""
    path = tmp_path / "guests.log"
    settings.BOOGIE_TASKS = {**settings.BOOGIE_TASKS, "CONTEXTS": CONTEXTS}
    env = {"BOOGIE_GUESTS": str(path)}
    tasks = ("-I", "tests.project.travelling")
    worker(*tasks, app="tests.project.guests", tasks={"CONTEXTS": CONTEXTS}, env=env)

    def written(kind, about):
        lines = map(json.loads, path.read_text().splitlines()) if path.exists() else ()
        return [value for name, value in lines if name == kind and str(about.pk) in str(value)]

    return written


@pytest.fixture
def request_of_a_user():
    """A function that calls another as in a request of a web process, and returns the trace."""
    receiver = CeleryReceiver()
    if not isinstance(trace.get_tracer_provider(), TracerProvider):
        trace.set_tracer_provider(TracerProvider())
    signals.before_task_publish.connect(receiver.receiver_before_task_publish)

    def call(function):
        with (
            translation.override("de"),
            timezone.override("Asia/Tokyo"),
            structlog.contextvars.bound_contextvars(request_id="r-1"),
            trace.get_tracer("tests").start_as_current_span("request") as span,
        ):
            function()
        return trace.format_trace_id(span.get_span_context().trace_id)

    yield call
    signals.before_task_publish.disconnect(receiver.receiver_before_task_publish)


@pytest.fixture
def pen(transactional_db):
    return Product.objects.create(name="pen")


@pytest.mark.parametrize("door", ["delayed", "schedule", "each", "by hand", "killed"])
def test_all_of_it_arrives_by_whichever_door(guests, request_of_a_user, pen, door):
    made = []
    doors = {
        "delayed": lambda: tell.delayed(pen),
        "schedule": lambda: tell.schedule(0.5, pen),
        "each": lambda: tell.each([pen]).get(),
        "by hand": lambda: tell.paused(pen),
        "killed": lambda: tell.delayed(pen, deaths=1),
    }
    trace_id = request_of_a_user(lambda: made.append(doors[door]()))
    (row,) = made
    row.run()
    result = row.wait(PATIENCE)
    assert row.attempt == (2 if door == "killed" else 1)
    assert result["language"] == "de"
    assert result["time_zone"] == "Asia/Tokyo"
    assert result["bound"]["request_id"] == "r-1"
    assert result["trace"] == trace_id
    wait_until(lambda: consumers(guests, row), PATIENCE)
    (consumer,) = consumers(guests, row)
    assert consumer["name"] == f"process {tell.name}"
    assert consumer["attributes"]["celery.action"] == "run"
    assert consumer["attributes"]["boogie.attempt"] == row.attempt


def consumers(guests, row):
    return [span for span in guests("span", row) if span["kind"] == "SpanKind.CONSUMER"]


def test_sentry_gets_one_event_for_an_error_and_nothing_that_is_sensitive(guests, pen):
    row = lose_word.paused(pen, word="open sesame")
    trace_id = "771a43a4192642f0b136d5159a501700"
    place = {"sentry-trace": f"{trace_id}-1234567890abcdef-1"}
    type(row).objects.filter(pk=row.pk).update(context={SENTRY: place})
    row.run()
    with pytest.raises(TaskFailed):
        row.wait(PATIENCE)
    wait_until(lambda: guests("transaction", row), PATIENCE)
    (event,) = guests("event", row)
    (error,) = event["exception"]["values"]
    assert error["value"] == "['••••'] does not open"
    local = error["stacktrace"]["frames"][-1]["vars"]
    assert (local["word"], local["held"]) == ("'••••'", ["'••••'"])
    assert event["tags"]["boogie.task"] == lose_word.name
    assert event["tags"]["boogie.row"] == str(row.pk)
    assert event["tags"]["boogie.object"] == f"shop.product:{pen.pk}"
    assert event["contexts"]["trace"]["trace_id"] == trace_id
    (transaction,) = guests("transaction", row)
    assert transaction["contexts"]["trace"]["trace_id"] == trace_id
    assert transaction["contexts"]["trace"]["parent_span_id"] == "1234567890abcdef"
    assert {span["trace_id"] for span in transaction["spans"]} == {trace_id}
    assert "sesame" not in str([event, transaction])


def test_sentry_names_the_function_and_not_the_task_that_runs_them_all(guests, queue):
    row = Task.objects.get(pk=functions.add.using(queue_name=queue).enqueue(1, b=2).id)
    assert row.wait(PATIENCE) == 3
    wait_until(lambda: guests("transaction", row), PATIENCE)
    (transaction,) = guests("transaction", row)
    assert transaction["transaction"] == "tests.project.shop.functions.add"
