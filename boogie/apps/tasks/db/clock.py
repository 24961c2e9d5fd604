"""
Database time. Due times, leases and every timestamp of a row come from here,
never from the process's clock: hosts disagree, the database does not.
"""

import os
import threading
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import DateTimeField, Func
from django.db.models.sql.compiler import SQLCompiler
from django.utils import timezone as django_timezone


class Moment(Func):
    """
    The database's clock, plus ``seconds``, as that database stores a ``DateTimeField``.

    Unlike ``django.db.models.functions.Now`` it is right on MySQL and MariaDB
    servers whose time zone is not UTC, and with ``USE_TZ = False``.
    """

    output_field = DateTimeField()
    arity = 0

    def __init__(self, seconds: float = 0.0, **extra: Any) -> None:
        super().__init__(**extra)
        self.seconds = seconds

    def as_postgresql(
        self, compiler: SQLCompiler, connection: Any, **extra: Any
    ) -> tuple[str, Any]:
        if not self.seconds:
            return "STATEMENT_TIMESTAMP()", ()
        return "(STATEMENT_TIMESTAMP() + %s::interval)", (timedelta(seconds=self.seconds),)

    def as_mysql(self, compiler: SQLCompiler, connection: Any, **extra: Any) -> tuple[str, Any]:
        microseconds = int((self.seconds + _shift(connection)) * 1_000_000)
        if not microseconds:
            return "UTC_TIMESTAMP(6)", ()
        return "(UTC_TIMESTAMP(6) + INTERVAL %s MICROSECOND)", (microseconds,)

    def as_sqlite(self, compiler: SQLCompiler, connection: Any, **extra: Any) -> tuple[str, Any]:
        template = "STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f', 'now', %s)"
        return template, (f"{self.seconds + _shift(connection):+.3f} seconds",)


def is_constant(connection: BaseDatabaseWrapper) -> bool:
    """Return whether :class:`Moment` is the same text in every statement of this connection."""
    return connection.vendor == "postgresql" or _shift(connection) == 0


def _shift(connection: BaseDatabaseWrapper) -> float:
    """Return the seconds between UTC and the zone in which this connection stores times."""
    zone = connection.timezone if settings.USE_TZ else django_timezone.get_default_timezone()
    if zone is None or zone is UTC:
        return 0.0
    offset = datetime.now(zone).utcoffset()
    return offset.total_seconds() if offset else 0.0


_lock = threading.Lock()
_last = 0


def uuid7_block() -> uuid.UUID:
    """
    Return the first of 2³² ids that nobody else makes: this one plus 0, 1, 2, ….

    For many rows made at once: they are told apart from all others by two
    bounds. Of the 62 random bits 30 are random and 32 count.
    """
    first = uuid7().int
    return uuid.UUID(int=first >> 32 << 32)


def uuid7() -> uuid.UUID:
    """
    Return a time-ordered UUID (RFC 9562, version 7).

    48 bits of Unix milliseconds, 12 bits of the fraction of that millisecond,
    62 random bits. Within one process each is greater than the one before.
    """
    global _last
    ticks = time.time_ns() * 4096 // 1_000_000
    with _lock:
        _last = ticks = max(ticks, _last + 1)
    value = (ticks >> 12) << 80 | 0x7 << 76 | (ticks & 0xFFF) << 64
    value |= 0b10 << 62 | int.from_bytes(os.urandom(8), "big") >> 2
    return uuid.UUID(int=value)
