"""
When bodies borrow connections: in a worker whose pool has threads or greenlets, during a run.

The worker's own threads, and plain tasks, have connections of their own.
"""

import os
import threading
from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import Any

from django.db import connections

from .borrower import Borrower
from .lender import Lender

#: Classes of connections whose ways are known. Others may keep on them what belongs to a session.
ENGINES = (
    "django.db.backends.postgresql.base",
    "django.db.backends.mysql.base",
    "django.contrib.gis.db.backends.postgis.base",
    "django.contrib.gis.db.backends.mysql.base",
)

#: By the aliases of databases.
_lenders: dict[str, Lender] = {}


class _Here(threading.local):
    """What the body of this thread, or greenlet, has borrowed."""

    def __init__(self) -> None:
        self.borrowers: dict[str, Borrower] = {}


_here = _Here()


def start(limit: int) -> None:
    """Have bodies share ``limit`` connections to each database, from their next runs on."""
    for alias in connections:
        connection = connections.create_connection(alias)
        if _may_be_lent(connection):
            _lenders[alias] = Lender(alias, limit)


def _may_be_lent(connection: Any) -> bool:
    settings = connection.settings_dict
    is_known = type(connection).__module__ in ENGINES
    return is_known and settings["AUTOCOMMIT"] and not settings["OPTIONS"].get("pool")


def stop() -> None:
    """Have each body have its own again; close what nobody has."""
    while _lenders:
        _lenders.popitem()[1].close()


def tidy() -> None:
    """Close connections for which nobody has asked for long."""
    for lender in tuple(_lenders.values()):
        lender.tidy()


def begin() -> None:
    """A run begins in this thread."""
    if not _lenders:
        return
    if _here.borrowers:  # of one whose end nobody has told
        end(clean=False)
    for alias, lender in _lenders.items():
        connection = connections[alias]
        if not connection.in_atomic_block:  # as in a test, which has others see what it does
            borrower = Borrower(connection, lender)
            borrower.enter()
            _here.borrowers[alias] = borrower


def end(clean: bool) -> None:
    """The run of this thread is over; ``clean``: it has not raised."""
    borrowers, _here.borrowers = _here.borrowers, {}
    with ExitStack() as each:  # each leaves, whatever another one raises
        for borrower in borrowers.values():
            each.callback(borrower.leave, clean)


def together(using: str) -> AbstractContextManager[None]:
    """Have our own statements in a block on one connection: later ones ask for earlier ones."""
    borrower = _here.borrowers.get(using)
    return nullcontext() if borrower is None else borrower.together()


def statements(using: str) -> dict[Any, Any] | None:
    """Return where to keep what is compiled for all bodies; ``None``: not here."""
    if using not in _here.borrowers:
        return None
    lender = _lenders.get(using)
    return None if lender is None else lender.statements


def _after_fork() -> None:
    for lender in _lenders.values():
        lender.abandon()


os.register_at_fork(after_in_child=_after_fork)
