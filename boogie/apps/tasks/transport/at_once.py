"""
Statements that must not wait for a caller's commit, and must not be refused in an event loop.

A command that is sent in a transaction is for now, and its answers are read now; a dashboard such
as Flower sends one from the thread of its event loop, where Django runs no statement.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import connections

from boogie.apps.tasks import loops
from boogie.apps.tasks.db import commits, features

T = TypeVar("T")


def at_once(using: str, act: Callable[[], T]) -> T:
    """
    Return what ``act`` returns, whose statements on the database ``using`` are committed by then.

    On SQLite a transaction of the caller's is joined: nobody else could write meanwhile.
    """
    connection = connections[using]
    waits = commits.in_transaction(connection) and not features.has_one_writer(connection)
    return elsewhere(act) if waits or loops.is_running() else act()


def elsewhere(act: Callable[[], T]) -> T:
    """Return what ``act`` returns in a thread, which has connections of its own."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="boogie-at-once") as pool:
        return pool.submit(_alone, act).result()


def _alone(act: Callable[[], T]) -> T:
    try:
        return act()
    finally:
        connections.close_all()
