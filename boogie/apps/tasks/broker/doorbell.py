"""
Row → broker. The only place that publishes.

A doorbell carries the task's name and the row's id, nothing else. Ringing
never raises into the caller and never hangs it: a publish is given up after
``PUBLISH_TIMEOUT``, and after a failure none is tried for ``PUBLISH_PAUSE``.
Whatever was not rung is rung by the keeper.
"""

import logging
import os
import threading
import time
from collections.abc import Iterable
from contextlib import nullcontext
from functools import lru_cache
from typing import Any

from celery import Celery

from boogie.apps.tasks import registry
from boogie.apps.tasks.conf import conf

from .message import Bells

logger = logging.getLogger(__name__)

#: Connections that one process keeps open to the broker for ringing.
POOL_SIZE = 10
#: Messages that are sent together, where the transport can do that.
BATCH = 100

SCHEME = "boogie"


def needs_ringing() -> bool:
    """
    Return whether there is a broker to ring at.

    On ``boogie://`` the committed row is the message. With ``task_always_eager``
    (a testing aid of Celery's, for which rows have no use) nothing is published.
    """
    app = registry.celery_app()
    return not is_boogie(app) and not registry.setting(app, "task_always_eager")


def scheme(app: Celery) -> str:
    """Return the URL scheme of the broker that ``app`` publishes to; '' if it names none."""
    url = registry.setting(app, "broker_write_url") or ""
    first = url[0] if isinstance(url, list | tuple) else url
    return str(first).partition(":")[0]


def is_boogie(app: Celery) -> bool:
    """Return whether ``app`` publishes to ``boogie://``."""
    return scheme(app) == SCHEME


class _Line:
    """This process's connections to the broker, and whether they work."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owner: tuple[int, Celery, str] | None = None
        self._connections: Any = None
        self._bells: Any = None
        self._silent_until = 0.0

    @property
    def is_broken(self) -> bool:
        """Whether a publish failed a moment ago."""
        return time.monotonic() < self._silent_until

    def broke(self) -> None:
        self._silent_until = time.monotonic() + conf.PUBLISH_PAUSE

    def mend(self) -> None:
        """Forget a failure and every connection (tests, and settings that changed)."""
        self._silent_until = 0.0
        self._owner = self._connections = self._bells = None

    def hang_up(self) -> None:
        """Close every connection; a forked child would end those that it inherits."""
        with self._lock:
            pool, self._connections, self._owner = self._connections, None, None
        if pool is None:
            return
        try:
            pool.force_close_all()
        except Exception as error:  # whatever a transport raises: it is given up
            logger.debug("A connection to the broker did not close: %s", error)

    def connections(self, app: Celery) -> Any:
        """Return the pool of connections for ``app``; a new one after a fork."""
        return self.open(app)[0]

    def open(self, app: Celery) -> tuple[Any, Bells]:
        """Return the pool of connections for ``app`` and the messages that go through it."""
        owner = (os.getpid(), app, str(registry.setting(app, "broker_write_url")))
        with self._lock:
            if self._owner != owner:
                self._connections = _connect(app).Pool(limit=POOL_SIZE)
                self._bells = Bells(app)
                self._owner = owner
            return self._connections, self._bells


def _connect(app: Celery) -> Any:
    """Return a connection (not yet open) that gives up soon, and does not try again by itself."""
    timeout = conf.PUBLISH_TIMEOUT / 2  # connecting and writing each get half
    connection: Any = app.connection_for_write(
        connect_timeout=timeout,
        transport_options={
            **app.conf.broker_transport_options,
            # Redis
            "socket_timeout": timeout,
            "socket_connect_timeout": timeout,
            "retry_on_timeout": False,
            # RabbitMQ
            "read_timeout": timeout,
            "write_timeout": timeout,
        },
    )
    # Each broker of a list is tried once.
    connection.transport_options["max_retries"] = max(0, len(connection.alt or ()) - 1)
    return connection


line = _Line()


def ring(rows: Iterable[Any]) -> list[Any]:
    """
    Publish a doorbell for each row; return the rows whose bell was not rung.

    ``rows`` have ``pk``, ``name``, ``queue`` and ``priority``.
    """
    waiting = list(rows)
    if not waiting or line.is_broken:
        return waiting
    try:
        _ring_all(registry.celery_app(), waiting, time.monotonic() + conf.PUBLISH_TIMEOUT)
    except Exception as error:
        # Whatever a transport raises, the rows are safe and the keeper rings them.
        line.broke()
        logger.warning(
            "Cannot ring %s row(s), the keeper will: %s: %s",
            len(waiting),
            type(error).__name__,
            error,
        )
    return waiting


def _ring_all(app: Celery, waiting: list[Any], deadline: float) -> None:
    """Publish, and take what was published off ``waiting``."""
    pool, bells = line.open(app)
    # A connection on which anything goes wrong is closed and replaced by the pool.
    with pool.acquire(block=True, timeout=conf.PUBLISH_TIMEOUT) as connection:
        producer: Any = app.amqp.Producer(connection)
        _keep_client(producer.channel)
        many = len(waiting) > 1 and hasattr(producer.channel, "create_publish_batch")
        size = BATCH if many else 1
        while waiting and time.monotonic() < deadline:
            with producer.batch() if many else nullcontext():
                _publish(bells, producer, waiting[:size])
            del waiting[:size]


def depth(queue: str) -> int | None:
    """
    Return how many messages wait in a queue of the broker; 0 for a queue that is not there.

    ``None``: the broker does not answer.
    """
    if not queue:  # Celery's routes choose it by the task's name
        return 0
    if line.is_broken:
        return None
    try:
        pool = line.connections(registry.celery_app())
        with pool.acquire(block=True, timeout=conf.PUBLISH_TIMEOUT) as connection:
            return _depth(connection, queue)
    except Exception as error:
        line.broke()
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


def _keep_client(channel: Any) -> None:
    """Keep the client of a Redis channel: kombu makes one for each command, and that is slow."""
    make = getattr(channel, "Client", None)
    if make is not None and not hasattr(make, "cache_info"):
        channel.Client = lru_cache(maxsize=1)(make)


def _publish(bells: Bells, producer: Any, rows: Iterable[Any]) -> None:
    driver = producer.connection.transport.driver_type
    for row in rows:
        priority = broker_priority(row.priority, driver)
        bells.ring(producer, row.name, str(row.pk), priority, row.queue)


def answers() -> bool:
    """Return whether the broker takes a connection, within ``PUBLISH_TIMEOUT``."""
    if not needs_ringing():
        return True
    try:
        with _connect(registry.celery_app()) as connection:
            connection.connect()
    except Exception as error:
        logger.warning("The broker does not answer: %s: %s", type(error).__name__, error)
        return False
    return True


def broker_priority(priority: int, driver_type: str) -> int:
    """Return what the broker calls our priority: Redis counts the other way, 0 first."""
    return 9 - priority if driver_type == "redis" else priority
