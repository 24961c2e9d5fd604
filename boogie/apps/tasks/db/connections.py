"""
This thread's connections to the databases, and the pools that they may come from.
"""

import os
import socket
from contextlib import suppress
from typing import Any

from django.db import Error, connections, models, router

#: Seconds without a word after which the other end is asked, between two times, and how often.
KEEPALIVE = {"TCP_KEEPIDLE": 10, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}


def renew_connections() -> None:
    """Do what Django does around a request: close connections that are old or unusable."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:  # a test, or a caller, runs a row inside its transaction
            connection.close_if_unusable_or_obsolete()


def close_connections() -> None:
    """Close this thread's database connections, except inside a transaction of the caller."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close()


def leave_pools() -> None:
    """
    Give this thread's connections back to the pools that they are of, until it needs some again.

    A thread that works now and then would keep one from the others for good, and there may be
    fewer than threads.
    """
    for connection in connections.all(initialized_only=True):
        if getattr(connection, "pool", None) and not connection.in_atomic_block:
            connection.close()


def close_before_fork() -> None:
    """
    Close this thread's connections, and on PostgreSQL the pools that Django has in this process.

    A forked process would close those that it inherits, and so end their connections
    here; and it would have none of the threads that serve them.
    """
    close_connections()
    for connection in connections.all():
        close_pool = getattr(connection, "close_pool", None)
        if close_pool is not None and not connection.in_atomic_block:
            close_pool()


def written_to(row: models.Model) -> str:
    """Return the alias of the database in which a row is changed, wherever it was read."""
    return router.db_for_write(type(row), instance=row)


def keep_alive(descriptor: int) -> None:
    """
    Have the system notice within half a minute that nobody is at the other end of a connection.

    Whoever only listens would not notice for hours. A socket of this host alone needs none of it.
    """
    with suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in KEEPALIVE.items():
            if (option := getattr(socket, name, None)) is not None:  # each system has its own
                line.setsockopt(socket.IPPROTO_TCP, option, value)


def apart(alias: str) -> Any:
    """Return a new connection, which no thread shares and no pool lacks."""
    connection = connections.create_connection(alias)
    connection.settings_dict = without_pool(connection.settings_dict)
    return connection


def without_pool(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of a database, for who needs one connection."""
    options = {key: value for key, value in settings["OPTIONS"].items() if key != "pool"}
    return {**settings, "OPTIONS": options}


def drop(connection: Any) -> None:
    """
    Close a connection whose server is away, or no more what it was.

    It is not given back to a pool, which would hand it out again: a session that has begun in a
    failover may read only for ever.
    """
    if getattr(connection, "pool", None) and connection.connection is not None:
        connection.connection.close()
    with suppress(Error):
        connection.close()


def drop_all() -> None:
    """Drop every connection of this thread."""
    for connection in connections.all(initialized_only=True):
        drop(connection)
