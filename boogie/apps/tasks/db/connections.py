"""
This thread's connections to the databases, and the pools that they may come from.
"""

from contextlib import suppress
from typing import Any

from django.db import Error, connections


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


def close_pools() -> None:
    """
    Close the pools of connections that Django has in this process, on PostgreSQL.

    A forked process would close those that it inherits, and so end their connections
    here; and it would have none of the threads that serve them.
    """
    for connection in connections.all():
        close_pool = getattr(connection, "close_pool", None)
        if close_pool is not None and not connection.in_atomic_block:
            close_pool()


def apart(alias: str) -> Any:
    """Return a new connection, which no thread shares and no pool lacks."""
    connection = connections.create_connection(alias)
    options = {**connection.settings_dict["OPTIONS"]}
    options.pop("pool", None)
    connection.settings_dict = {**connection.settings_dict, "OPTIONS": options}
    return connection


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
