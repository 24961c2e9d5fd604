"""Tasks that tell what is around them."""

import os
import signal

import structlog
from django.utils import timezone, translation
from opentelemetry import trace

from boogie.apps.tasks import task


@task(bind=True)
def tell(self, product, deaths=0):
    """Return what is around this body; first die so many times."""
    if self.row.attempt <= deaths:
        os.kill(os.getpid(), signal.SIGKILL)
    span = trace.get_current_span().get_span_context()
    return {
        "language": translation.get_language(),
        "time_zone": timezone.get_current_timezone_name(),
        "bound": structlog.contextvars.get_contextvars(),
        "trace": trace.format_trace_id(span.trace_id),
    }


@task(sensitive=("word",))
def lose_word(product, word):
    """Raise, with what nobody is to read in the message and in a local variable."""
    held = [word]
    raise ValueError(f"{held} does not open")
