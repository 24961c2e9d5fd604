"""
When a row runs again: after a retry that was asked for, after a loss.
"""

from datetime import datetime
from typing import Any

from celery.exceptions import Retry

from boogie.apps.tasks import identity
from boogie.apps.tasks.conf import conf
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.enqueue.times import delay, stored
from boogie.apps.tasks.models import Task

from .run import Run

#: Seconds that a row waits after its first, second and every later loss.
LOSS_DELAYS = (0.0, 5.0, 20.0)


def has_retry_left(row: Task, limit: int | None) -> bool:
    """Return whether ``row`` may be retried once more; ``None``: there is no limit."""
    return limit is None or row.retries + 1 <= limit


def retry_time(eta: datetime | None, countdown: float | None, usual: float) -> Any:
    """Return when a retry is to start: a time as it is stored, or seconds from when it settles."""
    if eta is not None:
        return stored(eta)
    return delay("retry()", float(usual if countdown is None else countdown))


def due_after_retry(run: Run, reason: Retry) -> Any:
    """
    Return when the row of a run is due again, as an expression or a time.

    ``ValueError``: there is no such time; a ``Retry`` may be raised by hand.
    """
    if run.is_call:
        # It is claimed again in the same transaction.
        return Moment()
    when: Any = reason.when if reason.when is not None else 0
    return Moment(delay("Retry", when)) if isinstance(when, int | float) else stored(when)


def delay_after_loss(row: Task) -> float | None:
    """Return for how long a row waits that is rescued now; ``None``: it is not to be rescued."""
    # What was promised when it was made: this process may not know its task.
    limit = conf.MAX_LOSSES if row.rescue else 0
    if row.losses >= limit or identity.is_call(row.worker):
        return None
    return LOSS_DELAYS[min(row.losses, len(LOSS_DELAYS) - 1)]
