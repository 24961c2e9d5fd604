"""
Row → broker. All doorbells are published from here.

A doorbell carries the task's name and the row's id, nothing else. Ringing
never raises into the caller and never hangs it: a publish is given up after
``PUBLISH_TIMEOUT``, and after a failure none is tried for ``PUBLISH_PAUSE``.
Whatever was not rung is rung by the keeper.
"""

import logging
import time
from collections.abc import Iterable
from contextlib import nullcontext
from typing import Any

from celery import Celery
from django.dispatch import Signal

from boogie.apps.tasks import current_app, registry
from boogie.apps.tasks.conf import conf
from boogie.apps.tasks.functions import finding

from . import quirks, silence
from .connection import broker_pool
from .message import Doorbells

logger = logging.getLogger(__name__)

#: Sent when a publish has failed: rows are safe, and the keeper rings them.
failed = Signal()

#: Messages that are sent together, where the transport can do that.
BATCH = 100


def is_kept_in() -> bool:
    """Return whether nothing is published now: the broker is away, or a test runs."""
    return broker_pool.is_broken or silence.holds()


def ring(rows: Iterable[Any]) -> list[Any]:
    """
    Publish a doorbell for each row; return the rows whose bell was not rung.

    ``rows`` have ``pk``, ``name``, ``backend``, ``queue`` and ``priority``; and may have ``shown``:
    what Celery is to show as their arguments.
    """
    waiting = list(rows)
    if not waiting or is_kept_in():
        return waiting
    try:
        _ring_all(current_app.celery_app(), waiting, time.monotonic() + conf.PUBLISH_TIMEOUT)
    except Exception as error:
        # Whatever a transport raises, the rows are safe and the keeper rings them.
        broker_pool.broke()
        logger.warning(
            "Cannot ring %s row(s), the keeper will: %s: %s",
            len(waiting),
            type(error).__name__,
            error,
        )
        failed.send_robust(sender=None)
    return waiting


def _ring_all(app: Celery, waiting: list[Any], deadline: float) -> None:
    """Publish, and take what was published off ``waiting``."""
    pool, doorbells = broker_pool.open(app)
    # A connection on which anything goes wrong is closed and replaced by the pool.
    with pool.acquire(block=True, timeout=conf.PUBLISH_TIMEOUT) as connection:
        producer: Any = app.amqp.Producer(connection)
        quirks.adopt_channel(producer.channel)
        many = len(waiting) > 1 and quirks.can_batch(producer.channel)
        size = BATCH if many else 1
        while waiting and time.monotonic() < deadline:
            with producer.batch() if many else nullcontext():
                _publish(doorbells, producer, waiting[:size])
            del waiting[:size]


def _publish(doorbells: Doorbells, producer: Any, rows: Iterable[Any]) -> None:
    driver = producer.connection.transport.driver_type
    for row in rows:
        priority = quirks.broker_priority(row.priority, driver, doorbells.ordinary)
        shown = getattr(row, "shown", None)
        name, limits = registry.celery_name(row), finding.time_limits(row)
        doorbells.ring(producer, name, str(row.pk), priority, row.queue, shown, **limits)
