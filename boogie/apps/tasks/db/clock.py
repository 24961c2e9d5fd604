"""
Database time. Due times, leases and every time in a column of a row come from
here, never from the process's clock: hosts disagree, the database does not.
"""

from datetime import UTC, datetime
from typing import Any

from django.db import connections
from django.db.models import BigIntegerField, Func
from django.db.models.sql.compiler import SQLCompiler

from .moments import MomentField


class Moment(Func):
    """
    The database's clock, plus ``seconds``, as a ``MomentField`` is stored: in UTC.

    Unlike ``django.db.models.functions.Now`` it is right on MySQL and MariaDB
    servers whose time zone is not UTC, and with ``USE_TZ = False``.
    """

    output_field = MomentField()
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
        # Of seconds alone. A timedelta has days: as one, -30 s are -1 day and 86,370 s; those are
        # days of the session's calendar, and two of them a year have 23 or 25 hours.
        return "(STATEMENT_TIMESTAMP() + MAKE_INTERVAL(secs => %s))", (float(self.seconds),)

    def as_mysql(self, compiler: SQLCompiler, connection: Any, **extra: Any) -> tuple[str, Any]:
        if not self.seconds:
            return "UTC_TIMESTAMP(6)", ()
        microseconds = int(self.seconds * 1_000_000)
        return "(UTC_TIMESTAMP(6) + INTERVAL %s MICROSECOND)", (microseconds,)

    def as_sqlite(self, compiler: SQLCompiler, connection: Any, **extra: Any) -> tuple[str, Any]:
        if not self.seconds:
            return "STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f000', 'now')", ()
        template = "STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f000', 'now', %s)"
        return template, (f"{self.seconds:+.3f} seconds",)


def read(using: str) -> datetime:
    """Return the time that it is in a database, aware and in UTC."""
    connection = connections[using]
    sql, params = getattr(Moment(), f"as_{connection.vendor}")(None, connection)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {sql}", params)
        found = cursor.fetchone()[0]
    moment = datetime.fromisoformat(found) if isinstance(found, str) else found
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


class Microseconds(Func):
    """From one moment to another, in whole microseconds; on SQLite to the millisecond."""

    arity = 2
    output_field = BigIntegerField()

    def _between(self, compiler: SQLCompiler, template: str) -> tuple[str, Any]:
        (start, first), (end, second) = map(compiler.compile, self.get_source_expressions())
        # Each template has the end before the start.
        return template.format(end=end, start=start), (*second, *first)

    def as_postgresql(
        self, compiler: SQLCompiler, connection: Any, **extra: Any
    ) -> tuple[str, Any]:
        return self._between(compiler, "(EXTRACT(EPOCH FROM ({end} - {start})) * 1000000)::bigint")

    def as_mysql(self, compiler: SQLCompiler, connection: Any, **extra: Any) -> tuple[str, Any]:
        return self._between(compiler, "(-TIMESTAMPDIFF(MICROSECOND, {end}, {start}))")

    def as_sqlite(self, compiler: SQLCompiler, connection: Any, **extra: Any) -> tuple[str, Any]:
        days = "(JULIANDAY({end}) - JULIANDAY({start}))"
        return self._between(compiler, f"(CAST(ROUND({days} * 86400000) AS INTEGER) * 1000)")


class Minute(Func):
    """The minute in which a moment lies, counted from 1970 in UTC."""

    arity = 1
    output_field = BigIntegerField()

    def as_postgresql(
        self, compiler: SQLCompiler, connection: Any, **extra: Any
    ) -> tuple[str, Any]:
        template = "FLOOR(EXTRACT(EPOCH FROM %(expressions)s) / 60)::bigint"
        return self.as_sql(compiler, connection, template=template)

    def as_mysql(self, compiler: SQLCompiler, connection: Any, **extra: Any) -> tuple[str, Any]:
        template = "TIMESTAMPDIFF(MINUTE, '1970-01-01', %(expressions)s)"
        return self.as_sql(compiler, connection, template=template)

    def as_sqlite(self, compiler: SQLCompiler, connection: Any, **extra: Any) -> tuple[str, Any]:
        template = "(CAST(STRFTIME('%%%%s', %(expressions)s) AS INTEGER) / 60)"
        return self.as_sql(compiler, connection, template=template)
