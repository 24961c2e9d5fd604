"""
Connections that were struck in the middle of a statement, by an exception that is not theirs.

Django takes them for good, and the driver for busy. When something has struck, nobody knows yet
what it has hit: each is looked at before it is used again.
"""

from contextlib import suppress
from functools import partial
from typing import Any

from django.db import connections
from django.db.transaction import TransactionManagementError

from boogie.apps.tasks.db import features
from boogie.apps.tasks.db.connections import drop

#: The method of Django's connections that is called before each use.
BEFORE = "ensure_connection"


def doubt_all() -> None:
    """
    Have each connection of this thread looked at before it is used again.

    What the database still does for one of them is cancelled, where it can be: it would hold its
    locks, and nobody waits for it.
    """
    for connection in connections.all(initialized_only=True):
        if connection.connection is not None:
            with suppress(Exception):  # the server, too, may be away
                features.cancel_statement(connection)
            vars(connection)[BEFORE] = partial(_look, connection)


def _look(connection: Any) -> None:
    """Connect anew if a statement was cut off; its transaction is lost, and that is said."""
    vars(connection).pop(BEFORE, None)
    if connection.connection is None or not features.is_amid_a_statement(connection):
        connection.ensure_connection()
        return
    is_lost = connection.in_atomic_block
    drop(connection)
    if is_lost:
        raise TransactionManagementError(
            f"The soft time limit struck in the middle of a statement on {connection.alias!r}, and "
            f"its transaction is lost with that. Catch SoftTimeLimitExceeded outside of atomic(), "
            f"and of a task that says atomic=True: there the database can be used."
        )
    connection.ensure_connection()
