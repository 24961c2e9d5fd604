"""
What a database can do, and what its transactions show.
"""

from typing import Any


def returns_from_update(connection: Any) -> bool:
    """Return whether this database has ``UPDATE … RETURNING``."""
    returns = connection.features.can_return_columns_from_insert
    return connection.vendor in ("postgresql", "sqlite") and bool(returns)


def shows_a_snapshot(connection: Any) -> bool:
    """Return whether what others commit stays hidden until this transaction ends."""
    if connection.vendor == "sqlite" or not connection.in_atomic_block:
        return False
    level = connection.isolation_level  # text on MySQL, where None is the server's; else an enum
    return str(getattr(level, "name", level)).lower() not in ("read committed", "read_committed")


def relaxed_commit(connection: Any) -> str:
    """
    Return one more column for a RETURNING, by which its commit need not wait for the disk.

    It holds for the transaction of that statement. '' where there is no such thing.
    """
    if connection.vendor != "postgresql":
        return ""
    return ", set_config('synchronous_commit', 'off', true)"
