"""
What the broker is asked: whether it answers, how much waits.
"""

import logging
from typing import Any

from boogie.apps.tasks import current_app
from boogie.apps.tasks.conf import conf
from boogie.apps.tasks.current_app import needs_ringing

from .connection import broker_pool, connect

logger = logging.getLogger(__name__)


def depth(queue: str) -> int | None:
    """
    Return how many messages wait in a queue of the broker; 0 for a queue that is not there.

    ``None``: the broker does not answer.
    """
    if not queue:  # Celery's routes choose it by the task's name
        return 0
    if broker_pool.is_broken:
        return None
    try:
        pool = broker_pool.connections(current_app.celery_app())
        with pool.acquire(block=True, timeout=conf.PUBLISH_TIMEOUT) as connection:
            return _depth(connection, queue)
    except Exception as error:
        broker_pool.broke()
        logger.warning("Cannot ask the broker about %s: %s: %s", queue, type(error).__name__, error)
        return None


def _depth(connection: Any, queue: str) -> int:
    connection.connect()  # one on which something went wrong comes back closed
    channel = connection.channel()
    try:
        return int(channel.queue_declare(queue=queue, passive=True).message_count)
    except connection.channel_errors:
        return 0
    finally:
        connection.maybe_close_channel(channel)


def answers() -> bool:
    """Return whether the broker takes a connection, within ``PUBLISH_TIMEOUT``."""
    if not needs_ringing():
        return True
    try:
        with connect(current_app.celery_app()) as connection:
            connection.connect()
    except Exception as error:
        logger.warning("The broker does not answer: %s: %s", type(error).__name__, error)
        return False
    return True
