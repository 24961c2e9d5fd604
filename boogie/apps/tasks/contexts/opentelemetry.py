"""
The trace in which a row was made, as W3C has it, and spans of its making and of each attempt.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from celery.exceptions import Retry, TaskPredicate
from opentelemetry import context as contexts
from opentelemetry import propagate, trace
from opentelemetry.trace import SpanKind, Status, StatusCode

import boogie
from boogie.apps.tasks.conf import conf
from boogie.apps.tasks.exceptions import TaskCancelled
from boogie.apps.tasks.lifecycle import states
from boogie.apps.tasks.models import families
from boogie.apps.tasks.serialization import carried

from . import spared

#: What instrumentations look for before they make a span.
SUPPRESSED = ("suppress_instrumentation", contexts._SUPPRESS_INSTRUMENTATION_KEY)


class OpenTelemetry:
    """
    Traces: a producer span where a row is made, and a consumer span for each attempt.

    The second is a child of the first, or with ``TRACE = "link"`` the root of a trace of its own
    that is linked to it. What Boogie itself asks of the database, to look for work and to claim
    it, is of no trace.
    """

    def capture(self) -> dict[str, str]:
        """Make the producer span, and return its place in the trace."""
        spared.install()
        headers: dict[str, str] = {}
        subject = carried.subject()
        if subject is None:
            propagate.inject(headers)
            return headers
        about = _about(subject, "send", subject.queue)
        with _tracer().start_as_current_span(
            f"send {subject.row.name}", kind=SpanKind.PRODUCER, attributes=about
        ):
            propagate.inject(headers)
        return headers

    @contextmanager
    def restore(self, data: dict[str, str]) -> Iterator[None]:
        """Have the span of an attempt be the current one."""
        spared.install()
        base = _base(data)
        maker = trace.get_current_span(base).get_span_context()
        links = None
        if conf.TRACE == "link" and maker.is_valid:
            links = [trace.Link(maker)]
            base = trace.set_span_in_context(trace.INVALID_SPAN, base)
        subject = carried.subject()
        span = _tracer().start_span(
            f"process {subject.row.name}" if subject else "process",
            context=base,
            kind=SpanKind.CONSUMER,
            attributes=_about(subject, "process", subject.row.queue) if subject else None,
            links=links,
        )
        token = contexts.attach(trace.set_span_in_context(span, base))
        try:
            with spared.own(span):
                yield
        finally:
            _end(span, subject)
            contexts.detach(token)

    @contextmanager
    def untraced(self) -> Iterator[None]:
        """Have instrumentations of databases make no spans."""
        spared.install()
        context = contexts.get_current()
        for key in SUPPRESSED:
            context = contexts.set_value(key, True, context)
        token = contexts.attach(context)
        try:
            yield
        finally:
            contexts.detach(token)


def _tracer() -> trace.Tracer:
    return trace.get_tracer("boogie.apps.tasks", boogie.__version__)


def _base(data: dict[str, str]) -> contexts.Context:
    """Return the context of what travelled: of no trace that goes on in this process."""
    return propagate.extract(data, context=contexts.Context())


def _about(subject: carried.Subject, operation: str, queue: str) -> dict[str, Any]:
    """Return attributes: of OpenTelemetry's conventions, and ours."""
    row = subject.row
    about = {
        "messaging.system": "celery",
        "messaging.operation.name": operation,
        "messaging.operation.type": operation,
        "messaging.destination.name": queue,
        "boogie.task": row.name,
    }
    if not subject.is_pattern:
        about["messaging.message.id"] = str(row.pk)
    if subject.run is not None:
        about["boogie.attempt"] = row.attempt
    return about


def _end(span: trace.Span, subject: carried.Subject | None) -> None:
    """End the span of an attempt, with how that ended."""
    run = None if subject is None else subject.run
    if run is not None and span.is_recording():
        _describe(span, run)
    span.end()


def _describe(span: trace.Span, run: Any) -> None:
    obj = families.about(run.row)
    if obj is not None:
        span.set_attribute("boogie.object", obj)
    span.set_attribute("boogie.outcome", run.told or "lost")
    error = _error_of(run)
    if error is None:
        return
    # As the row keeps it: without what is sensitive.
    about = {
        "exception.type": error["type"],
        "exception.message": error["message"],
        "exception.stacktrace": error["traceback"],
    }
    span.add_event("exception", about)
    if run.outcome != states.QUEUED:
        span.set_attribute("error.type", error["type"])
        span.set_status(Status(StatusCode.ERROR, error["message"]))


def _error_of(run: Any) -> Any:
    """Return the entry of the error that ended an attempt, or was the reason of a retry."""
    raised = run.exception
    if isinstance(raised, Retry):
        raised = raised.exc
    if run.error is not None or not isinstance(raised, BaseException):
        return run.error
    return None if isinstance(raised, TaskPredicate | TaskCancelled) else run.describe(raised)
