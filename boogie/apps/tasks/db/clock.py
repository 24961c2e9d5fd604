"""
Database time. Due times, leases and every time in a column of a row come from
here, never from the process's clock: hosts disagree, the database does not.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import DateTimeField, Func
from django.db.models.sql.compiler import SQLCompiler
from django.utils import timezone as django_timezone

from . import features


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

    # Quicker than by the arguments, as any expression: statements are looked up by these.
    def __eq__(self, other: object) -> bool:
        return isinstance(other, Moment) and other.seconds == self.seconds

    def __hash__(self) -> int:
        return hash((Moment, self.seconds))

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
    return features.stores_utc(connection) or _shift(connection) == 0


def _shift(connection: BaseDatabaseWrapper) -> float:
    """Return the seconds between UTC and the zone in which this connection stores times."""
    zone = connection.timezone if settings.USE_TZ else django_timezone.get_default_timezone()
    if zone is None or zone is UTC:
        return 0.0
    offset = datetime.now(zone).utcoffset()
    return offset.total_seconds() if offset else 0.0
