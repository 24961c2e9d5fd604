"""
Traces of Sentry, and what its events say of a run: one event for each error. And its monitors.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import sentry_sdk
from celery.exceptions import TaskPredicate
from sentry_sdk.integrations.logging import ignore_logger
from sentry_sdk.tracing import TransactionSource

from boogie.apps.tasks.exceptions import TaskCancelled
from boogie.apps.tasks.lifecycle import states
from boogie.apps.tasks.monitoring import describe
from boogie.apps.tasks.serialization import carried

from . import monitors
from .scrubbing import scrubbed

#: Where runs are told of; the errors among that are events already.
LOGGER = "boogie.apps.tasks"


class Sentry:
    """
    The trace goes on in the worker, and events name the task, the row and its object.

    Errors of bodies are sent by Sentry's integration of Celery where that is in use, else from
    here; what is declared ``sensitive`` is masked in all that is sent.
    """

    def __init__(self) -> None:
        ignore_logger(LOGGER)

    def capture(self) -> dict[str, str]:
        """Return the place in the trace, as headers, and of the row of a slot its monitor."""
        if not sentry_sdk.is_initialized():
            return {}
        found = {
            "sentry-trace": sentry_sdk.get_traceparent(),
            "baggage": sentry_sdk.get_baggage(),
        }
        subject = carried.subject()
        monitor = monitors.of_new_row(subject is not None and subject.is_pattern)
        return {**{name: value for name, value in found.items() if value}, **monitor}

    @contextmanager
    def restore(self, data: dict[str, str]) -> Iterator[None]:
        """Go on with the trace, and have events tell of the run."""
        subject = carried.subject()
        run = None if subject is None else subject.run
        if run is None or not sentry_sdk.is_initialized():
            yield
            return
        with ExitStack() as stack:
            is_traced = _is_in_celerys_scope()
            if not is_traced:
                stack.enter_context(sentry_sdk.isolation_scope())
            scope = sentry_sdk.get_isolation_scope()
            scope.add_event_processor(Teller(run))
            if is_traced:
                _adopt(data)
                if run.row.backend:  # of functions it knows the one task that runs them all
                    current = sentry_sdk.get_current_scope()
                    current.set_transaction_name(run.row.name, source=TransactionSource.TASK)
            elif not run.is_call:
                stack.enter_context(_transaction(data, run.row.name))
            stack.enter_context(monitors.checked_in(data, run))
            try:
                yield
            finally:
                if not is_traced:
                    _send(run)


class Teller:
    """An event processor: adds what a run is about, and masks what is not to be read."""

    def __init__(self, run: Any) -> None:
        self.run = run

    def __call__(self, event: Any, hint: Any) -> Any:
        """Return the event as it is to be sent."""
        about = describe.attempt(self.run.row)
        tags = event.setdefault("tags", {})
        tags.update({f"boogie.{name}": about[name] for name in ("task", "row", "object")})
        event.setdefault("contexts", {})["boogie"] = about
        if not self.run.hidden:
            return event
        return {key: scrubbed(value, self.run.hidden) for key, value in event.items()}


def _is_in_celerys_scope() -> bool:
    """Return whether Sentry's integration of Celery stands around this run."""
    return getattr(sentry_sdk.get_isolation_scope(), "_name", None) == "celery"


def _adopt(data: dict[str, str]) -> None:
    """Move the transaction that the integration has begun into the trace of the row."""
    if "sentry-trace" not in data:
        return
    known: Any = sentry_sdk.continue_trace(data)
    begun: Any = sentry_sdk.get_current_scope().transaction
    if begun is None:
        return
    recorder = getattr(begun, "_span_recorder", None)
    for span in (begun, *(recorder.spans if recorder is not None else ())):
        span._trace_id = known.trace_id
    begun.parent_span_id = known.parent_span_id
    begun._baggage = known._baggage


@contextmanager
def _transaction(data: dict[str, str], name: str) -> Iterator[None]:
    begun = sentry_sdk.continue_trace(
        data, op="queue.task.celery", name=name, source=TransactionSource.TASK
    )
    with sentry_sdk.start_transaction(begun):
        yield


def _send(run: Any) -> None:
    """Send the error of a run that has failed; one that was sent already is dropped by Sentry."""
    error = run.exception
    if run.outcome != states.FAILED or isinstance(error, TaskPredicate | TaskCancelled):
        return
    if isinstance(error, BaseException):
        sentry_sdk.capture_exception(error)
