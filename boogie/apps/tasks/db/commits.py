"""
Transactions that the project commits by itself, of which Django does not tell.
"""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

from django.db import connections, transaction


def in_transaction(connection: Any) -> bool:
    """Return whether statements wait for a commit: in ``atomic``, or without autocommit."""
    if connection.in_atomic_block:
        return True
    if connection.connection is None:  # not asked: it would connect, and the database may be away
        return not connection.settings_dict["AUTOCOMMIT"]
    return not connection.autocommit


def is_told(connection: Any) -> bool:
    """
    Return whether ``transaction.on_commit()`` learns when what is done now has committed.

    Not after ``set_autocommit(False)``: there it raises, or in an ``atomic`` block does nothing
    until autocommit is on again.
    """
    if connection.in_atomic_block:
        return bool(connection.commit_on_exit)
    return bool(connection.get_autocommit())


def savepoint(using: str) -> AbstractContextManager[Any]:
    """Have what fails within undone alone, in the midst of a transaction."""
    if in_transaction(connections[using]):
        return transaction.atomic(using=using)
    return nullcontext()
