"""Traces that go on in the run, with the SDK of OpenTelemetry and its instrumentation of Celery."""

import pytest
from celery import signals
from django.db import connection
from opentelemetry import baggage, context, trace
from opentelemetry.instrumentation.celery import CeleryInstrumentor
from opentelemetry.instrumentation.utils import is_instrumentation_enabled
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from boogie.apps.tasks import Task
from boogie.apps.tasks.execution import losses, start
from boogie.apps.tasks.keeper.step import guarded
from tests.project.shop import functions
from tests.project.shop.models import Product
from tests.support.runs import declared, now_due, work

pytestmark = pytest.mark.django_db

PATH = "boogie.apps.tasks.contexts.OpenTelemetry"
HEADERS = "boogie.apps.tasks.contexts.Headers"


@pytest.fixture(scope="module")
def exporter():
    found = InMemorySpanExporter()
    provider = trace.get_tracer_provider()
    if not isinstance(provider, TracerProvider):
        trace.set_tracer_provider(provider := TracerProvider())
    provider.add_span_processor(SimpleSpanProcessor(found))
    return found


@pytest.fixture
def spans(exporter, travelling):
    """A function that returns the spans that have ended, by their kinds."""
    travelling(PATH)
    exporter.clear()

    def ended(kind=None):
        return [one for one in exporter.get_finished_spans() if kind in (None, one.kind)]

    return ended


@pytest.fixture
def instrumented():
    CeleryInstrumentor().instrument()
    yield
    CeleryInstrumentor().uninstrument()


def fall(product):
    raise ValueError("no")


note = declared(lambda product: trace.format_trace_id(trace_of(trace.get_current_span())))
tracer = trace.get_tracer("tests")


def trace_of(span):
    return span.get_span_context().trace_id


def parent_of(span):
    return None if span.parent is None else span.parent.span_id


def id_of(span):
    return span.get_span_context().span_id


def test_an_attempt_is_a_child_of_the_span_that_made_the_row(spans, pen):
    with tracer.start_as_current_span("request") as request:
        row = note.delayed(pen)
    assert work(row).get_result() == trace.format_trace_id(trace_of(request))
    (producer,), (consumer,) = spans(SpanKind.PRODUCER), spans(SpanKind.CONSUMER)
    assert parent_of(producer) == id_of(request)
    assert parent_of(consumer) == id_of(producer)
    assert row.context[PATH]["traceparent"].split("-")[1:3] == [
        trace.format_trace_id(trace_of(request)),
        trace.format_span_id(id_of(producer)),
    ]
    assert (producer.name, consumer.name) == (f"send {note.name}", f"process {note.name}")
    assert dict(consumer.attributes) == {
        "messaging.system": "celery",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": row.queue,
        "messaging.message.id": str(row.pk),
        "boogie.task": note.name,
        "boogie.attempt": 1,
        "boogie.object": f"shop.product:{pen.pk}",
        "boogie.outcome": "finished",
    }
    assert producer.attributes["messaging.operation.type"] == "send"
    assert producer.attributes["messaging.destination.name"] == row.queue
    assert producer.attributes["messaging.message.id"] == str(row.pk)


def test_an_attempt_of_a_function_about_nothing_has_its_spans(spans):
    with tracer.start_as_current_span("request") as request:
        result = functions.add.enqueue(1)
    row = work(Task.objects.get(pk=result.id))
    assert row.result == 1
    (producer,), (consumer,) = spans(SpanKind.PRODUCER), spans(SpanKind.CONSUMER)
    assert trace_of(producer) == trace_of(consumer) == trace_of(request)
    assert producer.attributes["messaging.destination.name"] == row.queue
    assert consumer.attributes["boogie.outcome"] == "finished"
    assert "boogie.object" not in consumer.attributes
    assert not trace.get_current_span().get_span_context().is_valid


def test_an_attempt_may_be_linked_in_place_of_that(spans, travelling, pen):
    travelling(PATH, TRACE="link")
    with tracer.start_as_current_span("request") as request:
        row = note.delayed(pen)
    work(row)
    (producer,), (consumer,) = spans(SpanKind.PRODUCER), spans(SpanKind.CONSUMER)
    assert consumer.parent is None
    assert trace_of(consumer) != trace_of(request)
    assert [one.context.span_id for one in consumer.links] == [id_of(producer)]


def test_rows_that_were_scheduled_retried_or_rescued_keep_it(spans, pen):
    runs = []

    def body(self, product):
        runs.append(trace_of(trace.get_current_span()))
        if len(runs) == 1:
            self.retry(exc=ValueError("later"), countdown=0)

    with tracer.start_as_current_span("request") as request:
        row = declared(body, bind=True).schedule(60, pen)
    work(now_due(row))
    claimed = start.claim_row(now_due(row).pk, [row.name])
    losses.lose(claimed, "it was killed")
    assert work(now_due(row)).is_finished
    assert runs == [trace_of(request)] * 2
    first, last = spans(SpanKind.CONSUMER)
    assert [one.attributes["boogie.attempt"] for one in (first, last)] == [1, 3]
    assert first.attributes["boogie.outcome"] == "retried"
    assert first.status.status_code is StatusCode.UNSET
    assert first.events[0].attributes["exception.message"] == "later"


def test_a_row_without_a_trace_begins_one(spans, pen):
    row = note.delayed(pen)
    with tracer.start_as_current_span("somebody else's"):
        result = work(row).get_result()
    (producer,) = spans(SpanKind.PRODUCER)
    assert result == trace.format_trace_id(trace_of(producer))


def test_what_goes_on_in_the_worker_is_no_parent(spans, pen):
    row = note.paused(pen)
    Task.objects.filter(pk=row.pk).update(context={PATH: {}})
    row.run()
    with tracer.start_as_current_span("somebody else's"):
        work(row)
    (consumer,) = spans(SpanKind.CONSUMER)
    assert consumer.parent is None


def test_an_error_is_noted_without_what_is_sensitive(spans, pen):
    def body(product, token):
        raise ValueError(f"{token} is wrong")

    work(declared(body, sensitive=("token",)).delayed(pen, token="open sesame"))
    (consumer,) = spans(SpanKind.CONSUMER)
    assert consumer.status.status_code is StatusCode.ERROR
    assert consumer.attributes["error.type"] == "builtins.ValueError"
    (event,) = consumer.events
    assert event.attributes["exception.message"] == "•••• is wrong"
    assert "sesame" not in consumer.to_json()


def test_a_body_that_was_cancelled_is_no_error(spans, pen):
    from boogie.apps.tasks import TaskCancelled

    def body(product):
        raise TaskCancelled("enough")

    work(declared(body).delayed(pen))
    (consumer,) = spans(SpanKind.CONSUMER)
    assert consumer.status.status_code is StatusCode.UNSET
    assert consumer.attributes["boogie.outcome"] == "cancelled"


def test_what_a_body_makes_belongs_to_its_attempt(spans, pen):
    parent = declared(lambda product: note.delayed(product).pk)
    row = parent.delayed(pen)
    work(row)
    (consumer,) = spans(SpanKind.CONSUMER)
    assert parent_of(spans(SpanKind.PRODUCER)[-1]) == id_of(consumer)


def test_baggage_travels_along(spans, pen):
    body = declared(lambda product: baggage.get_baggage("shop"))
    token = context.attach(baggage.set_baggage("shop", "north"))
    row = body.delayed(pen)
    context.detach(token)
    assert work(row).get_result() == "north"


def test_a_call_is_one_producer_and_one_consumer(spans, pen):
    with tracer.start_as_current_span("request") as request:
        assert note.call(pen) == trace.format_trace_id(trace_of(request))
        assert trace.get_current_span() is request
    assert len(spans(SpanKind.PRODUCER)) == len(spans(SpanKind.CONSUMER)) == 1


def test_many_rows_have_one_producer(spans, pen):
    rows = note.each([pen, Product.objects.create(name="other pen")])
    (producer,) = spans(SpanKind.PRODUCER)
    assert "messaging.message.id" not in producer.attributes
    for row in rows:
        work(row)
    assert [parent_of(one) for one in spans(SpanKind.CONSUMER)] == [id_of(producer)] * 2


def test_the_instrumentation_of_celery_makes_no_second_spans(spans, travelling, pen, instrumented):
    travelling(PATH, HEADERS)
    body = declared(lambda product: trace.get_current_span().set_attribute("own", 1))
    with tracer.start_as_current_span("request") as request:
        row = body.delayed(pen)
    work(row)
    (producer,), (consumer,) = spans(SpanKind.PRODUCER), spans(SpanKind.CONSUMER)
    assert len(spans()) == 3
    assert parent_of(consumer) == id_of(producer)
    assert trace_of(consumer) == trace_of(request)
    assert consumer.attributes["own"] == 1
    assert consumer.attributes["celery.action"] == "run"
    assert not trace.get_current_span().get_span_context().is_valid


def test_an_error_is_noted_once_with_the_instrumentation(spans, pen, instrumented):
    work(declared(fall).delayed(pen))
    (consumer,) = spans(SpanKind.CONSUMER)
    assert consumer.status.status_code is StatusCode.ERROR
    assert len(consumer.events) == 1


def test_the_instrumentation_alone_goes_on_with_the_trace_by_headers(
    spans, travelling, pen, instrumented
):
    travelling(HEADERS)
    with tracer.start_as_current_span("request") as request:
        row = note.delayed(pen)
    work(row)
    assert {trace_of(one) for one in spans()} == {trace_of(request)}
    assert [one.kind for one in spans()].count(SpanKind.CONSUMER) == 1


# --- what belongs to no row -----------------------------------------------------------


@pytest.fixture
def statements():
    """Statements that an instrumentation of the database would make spans of, and their traces."""
    found = []

    def look(execute, sql, params, many, context):
        if is_instrumentation_enabled():
            found.append((sql.split()[0], trace_of(trace.get_current_span())))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(look):
        yield found


def test_no_statement_of_a_run_is_outside_of_its_trace(spans, pen, statements):
    with tracer.start_as_current_span("request") as request:
        row = note.delayed(pen)
        del statements[:]
    work(row)
    settled = [one for one in statements if one[1]]
    assert {one[1] for one in settled} == {trace_of(request)}
    # Read by the test, when nothing runs any more.
    assert statements[-1] == ("SELECT", 0)
    assert statements[:-1] == settled
    assert ("UPDATE", trace_of(request)) in settled


def test_what_a_keeper_does_is_of_no_trace(spans, statements):
    guarded(lambda: Product.objects.exists())
    assert statements == []
    assert is_instrumentation_enabled()


def test_without_contexts_nothing_is_suppressed(spans, travelling, statements):
    travelling()
    guarded(lambda: Product.objects.exists())
    assert len(statements) == 1


def test_signals_of_celery_are_left_as_they_were(instrumented):
    assert CeleryInstrumentor()._trace_prerun in [one for _, one in signals.task_prerun.receivers]
