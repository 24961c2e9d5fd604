"""
Trying again: while a database is away, and what lost against somebody else.

Which of the two an error is, or neither, is told by its code: the classes of drivers differ, and
have a lost connection beside an unknown column.
"""

import time
from collections.abc import Callable
from typing import Any, TypeVar

from celery.exceptions import SoftTimeLimitExceeded
from django.db import (
    DatabaseError,
    DataError,
    Error,
    InterfaceError,
    InternalError,
    OperationalError,
    connections,
)

from . import commits
from .connections import drop

T = TypeVar("T")

#: Classes of SQLSTATE, and single ones, by which PostgreSQL says that it cannot do now what it
#: may do later: connection, resources, operator, system; read-only, a snapshot or deadlock that
#: was lost, a lock that was not to be had, somebody who cancelled, who ended the server.
POSTGRESQL_CLASSES = ("08", "53", "57", "58")
POSTGRESQL_STATES = frozenset(["25006", "40001", "40P01", "55P03"])
POSTGRESQL_CONFLICTS = frozenset(["40001", "40P01"])

#: The same of MySQL and MariaDB; numbers from 2000 on are the client's, of its connection.
MYSQL_CLIENT = range(2000, 3000)
MYSQL_NUMBERS = frozenset(
    [
        *(1020, 1205, 1213, 1412, 1615, 3572),  # somebody else was faster, or holds a lock
        *(1021, 1037, 1038, 1041, 1114, 1135, 1206, 1637),  # disk, memory, threads
        *(1040, 1042, 1043, 1129, 1203, 1226),  # no further connection
        *(1044, 1045, 1049, 1130, 1698),  # no connection: a password, a host, a name of today
        *(1053, 1077, 1079, 1080, 1152, 1158, 1159, 1160, 1161, 1184, 1927),  # it ends, or ended
        *(3032, 3168, 3169, 4031),  # the same of newer ones: offline, killed, too long idle
        *(1047, 1290, 1792, 1836, 3100, 3101),  # read-only, or out of its cluster: a failover
        *(1317, 1969, 3024),  # somebody interrupted the statement
    ]
)
MYSQL_CONFLICTS = frozenset([1020, 1213])

#: The same of SQLite: NOMEM, READONLY, INTERRUPT, IOERR, FULL, CANTOPEN, PROTOCOL, SCHEMA.
SQLITE_CONFLICTS = frozenset([5, 6])  # BUSY, LOCKED
SQLITE_CODES = SQLITE_CONFLICTS | {7, 8, 9, 10, 13, 14, 15, 17}

#: What drivers raise that have no code to tell: their connection has ended.
WITHOUT_CODE = (OperationalError, InterfaceError)


#: What may say that a database is away, for who can only ask by class.
MAY_BE_AWAY = (*WITHOUT_CODE, InternalError)


def is_outage(error: BaseException | None) -> bool:
    """Return whether an error says that the database is away, or busy, and not that it refuses."""
    if not isinstance(error, Error) or isinstance(error, DataError):
        return False
    code = _code(error)
    if code is None:
        # psycopg2 says of some lost connections no more than DatabaseError.
        return isinstance(error, WITHOUT_CODE) or type(error) is DatabaseError
    if isinstance(code, str):
        return code[:2] in POSTGRESQL_CLASSES or code in POSTGRESQL_STATES
    return code in (SQLITE_CODES if _is_sqlite(error) else MYSQL_NUMBERS) or code in MYSQL_CLIENT


def is_conflict(error: BaseException | None) -> bool:
    """Return whether a statement lost against another one, and left nothing behind."""
    code = _code(error)
    if isinstance(code, str):
        return code in POSTGRESQL_CONFLICTS
    return code in (SQLITE_CONFLICTS if _is_sqlite(error) else MYSQL_CONFLICTS)


def is_locked(error: BaseException | None) -> bool:
    """Return whether somebody held a lock for longer than the connection waits."""
    return _code(error) in ("55P03", 1205)


def has_lost(using: str, error: BaseException) -> bool:
    """Return whether a statement that was a transaction of its own lost: it may be done again."""
    return is_conflict(error) and not commits.in_transaction(connections[using])


def _code(error: BaseException | None) -> str | int | None:
    """Return the SQLSTATE of PostgreSQL, or the number of MySQL or SQLite, of Django's error."""
    cause: Any = getattr(error, "__cause__", None)
    if _is_sqlite(error):
        return int(cause.sqlite_errorcode) & 0xFF  # without what makes it an extended one
    number = cause.args[0] if cause is not None and cause.args else None
    if type(number) is int:  # PyMySQL has an SQLSTATE, too, which tells less
        return number or None
    state = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
    return None if state is None else str(state)


def _is_sqlite(error: BaseException | None) -> bool:
    return hasattr(getattr(error, "__cause__", None), "sqlite_errorcode")


def unlocked(using: str, action: Callable[[], T], patience: float = 30.0) -> T:
    """
    Call ``action``; outside a transaction, call it again while it loses against others.

    SQLite's own ``timeout`` does not cover every case: a reader whose snapshot is old is
    refused at once (SQLITE_BUSY_SNAPSHOT). MariaDB finds deadlocks where one statement alone
    inserts a row. ``patience``: seconds from the first loss on, however late that came.
    """
    deadline = None
    pause = 0.005
    while True:
        try:
            return action()
        except DatabaseError as error:
            now = time.monotonic()
            deadline = deadline or now + patience
            if not has_lost(using, error) or now + pause > deadline:
                raise
        time.sleep(pause)
        pause = min(pause * 2, 0.25)


def _too_late(limit: SoftTimeLimitExceeded) -> None:
    """Take no notice of a soft time limit: the body has ended."""


def patiently(
    using: str,
    action: Callable[[], T],
    patience: float,
    struck: Callable[[SoftTimeLimitExceeded], None] = _too_late,
) -> T:
    """
    Call ``action``, again and again for ``patience`` seconds while the database is away.

    Each try has a new connection: none within a transaction of the caller, who would lose what
    is in it. A soft time limit that strikes ends one try, not the trying; ``struck`` is told.
    """
    deadline = time.monotonic() + patience
    pause = 0.1
    while True:
        try:
            return action()
        except (Error, SoftTimeLimitExceeded) as error:
            connection = connections[using]
            again = is_outage(error) or isinstance(error, SoftTimeLimitExceeded)
            again = again and not commits.in_transaction(connection)
            if not again or time.monotonic() + pause > deadline:
                raise
            if isinstance(error, SoftTimeLimitExceeded):
                struck(error)
            drop(connection)
        time.sleep(pause)
        pause = min(pause * 2, 5.0)
