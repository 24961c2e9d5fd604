"""
This process's connections to the broker, and whether they work.
"""

import logging
import os
import threading
import time
from contextlib import suppress
from typing import Any

from celery import Celery

from boogie.apps.tasks import current_app
from boogie.apps.tasks.conf import conf

from . import quirks
from .message import Doorbells

logger = logging.getLogger(__name__)

#: Connections that one process keeps open to the broker for ringing.
POOL_SIZE = 10


class BrokerPool:
    """This process's connections to the broker, and whether they work."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owner: tuple[int, Celery, str] | None = None
        self._connections: Any = None
        self._doorbells: Any = None
        self._silent_until = 0.0

    @property
    def is_broken(self) -> bool:
        """Whether a publish failed a moment ago."""
        return time.monotonic() < self._silent_until

    def broke(self) -> None:
        """Note that a publish failed: none is tried for ``PUBLISH_PAUSE``."""
        self._silent_until = time.monotonic() + conf.PUBLISH_PAUSE

    def forget(self) -> None:
        """Close every connection, and forget a failure (tests, and settings that changed)."""
        self.close()
        self._silent_until = 0.0

    def close(self) -> None:
        """Close every connection; a forked child would end those that it inherits."""
        with self._lock:
            pool, self._connections, self._owner = self._connections, None, None
        if pool is None:
            return
        try:
            pool.force_close_all()
        except Exception as error:  # whatever a transport raises: it is given up
            logger.debug("A connection to the broker did not close: %s", error)

    @staticmethod
    def _hang_up(owner: Any, pool: Any) -> None:
        """Close a pool whose app or broker has changed; not that of the process that forked us."""
        if pool is not None and owner is not None and owner[0] == os.getpid():
            with suppress(Exception):  # whatever a transport raises: it is given up
                pool.force_close_all()

    def connections(self, app: Celery) -> Any:
        """Return the pool of connections for ``app``; a new one after a fork."""
        return self.open(app)[0]

    def open(self, app: Celery) -> tuple[Any, Doorbells]:
        """Return the pool of connections for ``app`` and the messages that go through it."""
        owner = (os.getpid(), app, str(current_app.setting(app, "broker_write_url")))
        with self._lock:
            if self._owner != owner:
                self._hang_up(self._owner, self._connections)
                self._connections = connect(app).Pool(limit=POOL_SIZE)
                self._doorbells = Doorbells(app)
                self._owner = owner
            return self._connections, self._doorbells


def connect(app: Celery) -> Any:
    """Return a connection (not yet open) that gives up soon, and does not try again by itself."""
    timeout = conf.PUBLISH_TIMEOUT / 2  # connecting and writing each get half
    connection: Any = app.connection_for_write(
        connect_timeout=timeout,
        transport_options={
            **app.conf.broker_transport_options,
            **quirks.priority_steps(app),
            **quirks.short_timeouts(timeout),
        },
    )
    # Each broker of a list is tried once.
    connection.transport_options["max_retries"] = max(0, len(connection.alt or ()) - 1)
    return connection


broker_pool = BrokerPool()
