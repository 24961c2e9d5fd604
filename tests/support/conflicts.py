"""Statements that lose against others."""

import contextlib

from django.db import OperationalError, connection


class Deadlock(OperationalError):
    """What the database of this leg raises for a lost conflict."""

    def __init__(self):
        super().__init__("lost")
        self.__cause__ = Exception(1213, "lost")
        if connection.vendor == "postgresql":
            self.__cause__.sqlstate = "40P01"
        elif connection.vendor == "sqlite":
            self.__cause__.sqlite_errorcode = 5 | 2 << 8  # BUSY_SNAPSHOT


@contextlib.contextmanager
def losing(start, times=1):
    """Have the first statements that begin with ``start`` lose; collect all of them."""
    seen = []

    def execute(execute, sql, *args):
        if sql.startswith(start):
            seen.append(sql)
            if len(seen) <= times:
                raise Deadlock
        return execute(sql, *args)

    with connection.execute_wrapper(execute):
        yield seen
