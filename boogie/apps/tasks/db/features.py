"""
What a database can do, and what its transactions show.
"""

import os
from collections.abc import Callable
from typing import Any

from django.db import Error

from . import commits
from .connections import apart

#: Bytes that a statement needs besides the one long text in it.
STATEMENT = 4096

#: What libpq says of a connection that waits for a statement, by whichever driver.
LIBPQ_IDLE, LIBPQ_ACTIVE = 0, 1

#: What MySQL and MariaDB say of a connection in a transaction.
MYSQL_IN_TRANSACTION = 1

#: Isolation levels in which a transaction sees what others commit meanwhile.
READ_COMMITTED = ("read committed", "read_committed")


def returns_from_update(connection: Any) -> bool:
    """Return whether this database has ``UPDATE … RETURNING``."""
    returns = connection.features.can_return_columns_from_insert
    return connection.vendor in ("postgresql", "sqlite") and bool(returns)


def shows_a_snapshot(connection: Any) -> bool:
    """Return whether what others commit stays hidden until this transaction ends."""
    if connection.vendor == "sqlite" or not commits.in_transaction(connection):
        return False
    level = connection.isolation_level  # text on MySQL, where None is the server's; else an enum
    return str(getattr(level, "name", level)).lower() not in READ_COMMITTED


def relaxed_commit(connection: Any) -> str:
    """
    Return one more column for a RETURNING, by which its commit need not wait for the disk.

    It holds for the transaction of that statement. '' where there is no such thing.
    """
    if connection.vendor != "postgresql":
        return ""
    return ", set_config('synchronous_commit', 'off', true)"


def remembers(connection: Any) -> bool:
    """Return whether a connection can be asked for a number that its last UPDATE wrote."""
    return bool(connection.vendor == "mysql")


def reads_along(connection: Any) -> bool:
    """Return whether an UPDATE can read other rows, too: a lateral join, and the row's version."""
    return bool(connection.vendor == "postgresql")


def keeps_statements(connection: Any) -> bool:
    """Return whether the server keeps statements parsed and planned."""
    return bool(connection.vendor == "postgresql")


def notifies(connection: Any) -> bool:
    """Return whether the database can tell a worker that there is something new."""
    return bool(connection.vendor == "postgresql")


def stores_utc(connection: Any) -> bool:
    """Return whether times are stored as moments, whatever the zone of a connection."""
    return bool(connection.vendor == "postgresql")


def has_arrays(connection: Any) -> bool:
    """Return whether a column of values can be one parameter."""
    return bool(connection.vendor == "postgresql")


def takes_statement(connection: Any, make: Callable[[], str]) -> bool:
    """
    Return whether the server takes a statement with the text that ``make`` makes in it.

    MySQL and MariaDB hang up on who sends more than ``max_allowed_packet``, as if they had gone.
    They are asked on a connection of its own: this one is broken, or in a transaction.
    """
    if connection.vendor != "mysql":
        return True
    other = apart(connection.alias)
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT @@max_allowed_packet")
            (limit,) = cursor.fetchone()
    except Error:  # it has gone
        return True
    finally:
        other.close()
    text = make()
    escaped = sum(map(text.count, "\\\"'"))
    return len(text.encode()) + escaped + STATEMENT < int(limit)


def has_partial_indexes(connection: Any) -> bool:
    """Return whether an index may be on some rows only."""
    return bool(connection.features.supports_partial_indexes)


def hides_columns(connection: Any) -> bool:
    """Return whether a column may be kept out of ``SELECT *``; of MySQL and MariaDB."""
    return bool(connection.mysql_is_mariadb or connection.mysql_version >= (8, 0, 23))


def share_lock(connection: Any) -> str:
    """Return what ends a SELECT whose rows nobody is to change before this transaction ends."""
    return {"postgresql": " FOR SHARE", "mysql": " LOCK IN SHARE MODE"}.get(connection.vendor, "")


def is_in_process(connection: Any) -> bool:
    """Return whether nothing travels to the database: it is a library in this process."""
    return bool(connection.vendor == "sqlite")


def blocks_readers(connection: Any) -> bool:
    """Return whether nothing can be written under a cursor that is open since an older write."""
    return bool(connection.vendor == "sqlite")


def has_one_writer(connection: Any) -> bool:
    """Return whether who writes in a transaction holds up every other writer."""
    return bool(connection.vendor == "sqlite")


def gives_up_transactions(connection: Any) -> bool:
    """Return whether a statement that fails has all others of its transaction refused."""
    return bool(connection.vendor == "postgresql")


def forgets_what_is_fixed(connection: Any) -> bool:
    """
    Return whether ``a = 1 ORDER BY a, id`` may be read by an index on ``id``, or be sorted.

    If statistics say that ``a = 1`` is true of many rows.
    """
    return bool(connection.vendor in ("postgresql", "mysql"))


def looks_before_it_asks(connection: Any) -> bool:
    """Return whether rows are read before a condition that is the same for all of them is asked."""
    return bool(connection.vendor == "sqlite")


def fetches_rows_singly(connection: Any) -> bool:
    """Return whether each row that an index names is fetched by itself, from anywhere."""
    return bool(connection.vendor == "mysql")


def be_impatient(connection: Any) -> None:
    """Have statements of ``connection`` wait for no lock for longer than about a second."""
    impatient = {
        "postgresql": "SET lock_timeout = '500ms'",
        "mysql": "SET innodb_lock_wait_timeout = 1",
    }
    if connection.vendor in impatient:
        with connection.cursor() as cursor:
            cursor.execute(impatient[connection.vendor])


def is_amid_a_statement(connection: Any) -> bool:
    """Return whether the driver still waits for the end of a statement that nobody waits for."""
    raw = connection.connection
    if connection.vendor == "postgresql":
        return int(raw.info.transaction_status) == LIBPQ_ACTIVE
    if connection.vendor == "mysql":  # PyMySQL hangs up; mysqlclient has an answer left to read
        return not getattr(raw, "open", True) or not connection.is_usable()
    return False


def is_at_rest(connection: Any) -> bool:
    """Return whether a connection is in no transaction, and amid no statement."""
    raw = connection.connection
    if connection.vendor == "postgresql":
        return int(raw.info.transaction_status) == LIBPQ_IDLE
    # PyMySQL knows; mysqlclient has no word for it, and Django none for a BEGIN by hand.
    return (
        bool(getattr(raw, "open", True))
        and not getattr(raw, "server_status", 0) & MYSQL_IN_TRANSACTION
    )


def cancel_statement(connection: Any) -> None:
    """Have the server give up the statement that a connection waits for, if it can be told so."""
    if connection.vendor == "postgresql" and is_amid_a_statement(connection):
        connection.connection.cancel()


def file_of(connection: Any) -> str | None:
    """Return the file that is the database, if it is one."""
    name = str(connection.settings_dict["NAME"])
    return name if connection.vendor == "sqlite" and os.path.exists(name) else None


def is_shared(connection: Any) -> bool:
    """Return whether other processes see what is stored: not with SQLite in memory."""
    return connection.vendor != "sqlite" or not connection.is_in_memory_db()


def checks_json(connection: Any) -> bool:
    """Return whether a JSON column is to be plain text: MariaDB refuses what is nested deeply."""
    return bool(getattr(connection, "mysql_is_mariadb", False))


def exact_collation(connection: Any) -> str | None:
    """Return the collation that compares text character by character; ``None``: all do."""
    if connection.vendor != "mysql":
        return None
    # The default collations ignore case, and pad with spaces.
    return "utf8mb4_nopad_bin" if connection.mysql_is_mariadb else "utf8mb4_0900_bin"
