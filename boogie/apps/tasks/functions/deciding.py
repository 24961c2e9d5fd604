"""
What the options of a function decide: whether another attempt is made, and when.
"""

import random
from typing import Any

from celery.exceptions import Ignore, Reject, Retry

from boogie.apps.tasks.exceptions import TaskCancelled

from .declared import USUAL_ERRORS, USUAL_RETRIES

#: What is no error of a body, but says what is to become of its row.
CONTROL = (Ignore, Reject, Retry, TaskCancelled)


def retries(options: Any) -> int:
    """Return how often a function is retried that has these options."""
    if options.max_retries is None:
        return USUAL_RETRIES if options.autoretry_for else 0
    return int(options.max_retries)


def is_retried(options: Any, error: Exception) -> bool:
    """Return whether another attempt is made after ``error``, if there is one left."""
    if not retries(options) or isinstance(error, (*CONTROL, *options.dont_autoretry_for)):
        return False
    return isinstance(error, tuple(options.autoretry_for) or USUAL_ERRORS)


def delay(options: Any, before: int) -> float:
    """Return the seconds until the next attempt; ``before``: retries that there were."""
    if options.default_retry_delay is not None:
        return float(options.default_retry_delay)
    if not options.retry_backoff:
        return 0.0
    # 2 to the 60th is longer than any limit, and as a float no error.
    doubled = float(options.retry_backoff) * 2.0 ** min(before, 60)
    longest = min(doubled, float(options.retry_backoff_max))
    return random.uniform(0, longest) if options.retry_jitter else longest
