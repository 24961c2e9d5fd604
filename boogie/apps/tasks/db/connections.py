"""
This thread's connections to the databases.
"""

from django.db import connections


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
