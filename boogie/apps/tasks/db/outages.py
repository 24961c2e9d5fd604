"""
Trying again: while SQLite is locked, and while a database is away.
"""

import time
from collections.abc import Callable
from typing import TypeVar

from celery.exceptions import SoftTimeLimitExceeded
from django.db import InterfaceError, OperationalError, connections

#: What a database raises that is away, or busy.
AWAY = (OperationalError, InterfaceError)

T = TypeVar("T")


def unlocked(using: str, action: Callable[[], T], patience: float = 30.0) -> T:
    """
    Call ``action``; outside a transaction, call it again while SQLite says "database is locked".

    SQLite's own ``timeout`` does not cover every case: a reader whose snapshot
    is old is refused at once (SQLITE_BUSY_SNAPSHOT).
    """
    deadline = time.monotonic() + patience
    pause = 0.005
    while True:
        try:
            return action()
        except OperationalError as error:
            again = "locked" in str(error) and not connections[using].in_atomic_block
            if not again or time.monotonic() + pause > deadline:
                raise
        time.sleep(pause)
        pause = min(pause * 2, 0.25)


def patiently(using: str, action: Callable[[], T], patience: float) -> T:
    """
    Call ``action``, again and again for ``patience`` seconds while the database is away.

    Each try has a new connection. A soft time limit that strikes here is too
    late to mean anything: the body has ended.
    """
    deadline = time.monotonic() + patience
    pause = 0.1
    while True:
        try:
            return action()
        except (*AWAY, SoftTimeLimitExceeded):
            connection = connections[using]
            if connection.in_atomic_block or time.monotonic() + pause > deadline:
                raise
            connection.close()
        time.sleep(pause)
        pause = min(pause * 2, 5.0)
