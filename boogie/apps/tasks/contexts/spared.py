"""
Spans that ``opentelemetry-instrumentation-celery`` is not to make a second time.

It looks upon Celery's signals, of messages that are doorbells and of runs that have a span. What it
knows of a run it may write into that one. Its metrics are left as they are.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from opentelemetry import trace

from boogie.apps.tasks import registry

INSTRUMENTATION = "opentelemetry.instrumentation.celery"

_own: ContextVar[trace.Span | None] = ContextVar("boogie_tasks_span", default=None)


@contextmanager
def own(span: trace.Span) -> Iterator[None]:
    """Have ``span`` be taken for that of the run."""
    token = _own.set(span)
    try:
        yield
    finally:
        _own.reset(token)


class Lent(trace.NonRecordingSpan):
    """The span of a run, for somebody who would end it, and note its error once more."""

    def __init__(self, span: trace.Span) -> None:
        super().__init__(span.get_span_context())
        self._span = span

    def is_recording(self) -> bool:
        return self._span.is_recording()

    def set_attributes(self, attributes: Any) -> None:
        self._span.set_attributes(attributes)

    def set_attribute(self, key: str, value: Any) -> None:
        self._span.set_attribute(key, value)

    def add_event(self, *args: Any, **options: Any) -> None:
        self._span.add_event(*args, **options)

    def update_name(self, name: str) -> None:
        self._span.update_name(name)


class Sparing:
    """A tracer of the instrumentation's, which makes no spans for tasks of ours."""

    def __init__(self, tracer: trace.Tracer) -> None:
        self.tracer = tracer

    def start_span(self, name: str, *args: Any, **options: Any) -> trace.Span:
        """As the tracer does; of ours, return what there is already."""
        operation, _, task = name.partition("/")
        if registry.get(task) is None:
            return self.tracer.start_span(name, *args, **options)
        span = _own.get() if operation == "run" else None
        if span is not None:
            return Lent(span)
        return trace.NonRecordingSpan(trace.get_current_span().get_span_context())

    def __getattr__(self, name: str) -> Any:
        return getattr(self.tracer, name)


def install() -> None:
    """Have the instrumentation spare tasks of ours, if it is in use."""
    module: Any = sys.modules.get(INSTRUMENTATION)
    if module is None:
        return
    instrumentor = module.CeleryInstrumentor()  # there is one
    tracer = getattr(instrumentor, "_tracer", None)
    if tracer is not None and not isinstance(tracer, Sparing):
        instrumentor._tracer = Sparing(tracer)
