"""
The project's app, with other packages in its workers: ``celery -A tests.project.guests worker``.

``BOOGIE_GUESTS`` names a file; spans and events of Sentry are written to it, one JSON a line.
"""

import json
import os

import sentry_sdk
from django_structlog.celery.steps import DjangoStructLogInitStep
from opentelemetry import trace
from opentelemetry.instrumentation.celery import CeleryInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from sentry_sdk.transport import Transport

from tests.project.celery import app


def write(kind, value):
    with open(os.environ["BOOGIE_GUESTS"], "a") as file:
        file.write(json.dumps([kind, value]) + "\n")


class Spans(SpanExporter):
    def export(self, spans):
        for span in spans:
            write("span", json.loads(span.to_json()))
        return SpanExportResult.SUCCESS


class Events(Transport):
    def capture_envelope(self, envelope):
        for item in envelope.items:
            if item.payload.json:
                write(item.type, item.payload.json)


app.steps["worker"].add(DjangoStructLogInitStep)
trace.set_tracer_provider(TracerProvider())
trace.get_tracer_provider().add_span_processor(SimpleSpanProcessor(Spans()))
CeleryInstrumentor().instrument()
sentry_sdk.init(
    dsn="http://key@127.0.0.1:9/1",
    transport=Events,
    traces_sample_rate=1.0,
    send_default_pii=True,
)
