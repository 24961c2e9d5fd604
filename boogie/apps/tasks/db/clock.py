"""
Database time. Due times, leases and every time in a column of a row come from
here, never from the process's clock: hosts disagree, the database does not.

Tests may pretend that it is another time, for the whole process: what a test starts in threads and
event loops is to see it, too.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connections
from django.db.models import BigIntegerField, Func
from django.db.models.sql.compiler import SQLCompiler

from . import features
from .moments import MomentField, in_utc


@dataclass(frozen=True, slots=True)
class Pretence:
    """A clock that stands still ``at`` a moment, else one that is ``ahead`` of the real one."""

    at: datetime | None = None
    ahead: timedelta = timedelta()

    def moved(self, delta: timedelta) -> "Pretence":
        """Return this clock, put forward; backward if ``delta`` is negative."""
        if self.at is not None:
            return replace(self, at=self.at + delta)
        return replace(self, ahead=self.ahead + delta)


#: What is pretended now.
_pretended: Pretence | None = None

#: Whether anything ever was: the ids of rows, which have the real time, do not fit their times.
_was_pretended = False


def pretended() -> Pretence | None:
    """Return what is pretended now; ``None``: the database has its own time."""
    return _pretended


def was_pretended() -> bool:
    """Return whether rows of this process may have another time than their ids."""
    return _was_pretended


def forget_pretences() -> None:
    """Have ids tell when rows were made, again: those that they do not fit are gone."""
    global _was_pretended
    _was_pretended = False


@contextmanager
def pretending(pretence: Pretence) -> Iterator[None]:
    """Pretend within, whatever is pretended around."""
    global _pretended, _was_pretended
    before, _pretended = _pretended, pretence
    _was_pretended = True
    try:
        yield
    finally:
        _pretended = before


def here() -> datetime:
    """Return the time of this process's clock, in UTC: to show an age, never to decide."""
    if _pretended is None:
        return datetime.now(UTC)
    return _pretended.at or datetime.now(UTC) + _pretended.ahead


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
        if (stopped := self._stopped(connection)) is not None:
            return "CAST(%s AS timestamptz)", (stopped,)
        if not (seconds := self._seconds()):
            return "STATEMENT_TIMESTAMP()", ()
        # Of seconds alone. A timedelta has days: as one, -30 s are -1 day and 86,370 s; those are
        # days of the session's calendar, and two of them a year have 23 or 25 hours.
        return "(STATEMENT_TIMESTAMP() + MAKE_INTERVAL(secs => %s))", (seconds,)

    def as_mysql(self, compiler: SQLCompiler, connection: Any, **extra: Any) -> tuple[str, Any]:
        if (stopped := self._stopped(connection)) is not None:
            return "CAST(%s AS DATETIME(6))", (stopped,)
        if not (seconds := self._seconds()):
            return "UTC_TIMESTAMP(6)", ()
        microseconds = int(seconds * 1_000_000)
        return "(UTC_TIMESTAMP(6) + INTERVAL %s MICROSECOND)", (microseconds,)

    def as_sqlite(self, compiler: SQLCompiler, connection: Any, **extra: Any) -> tuple[str, Any]:
        if (stopped := self._stopped(connection)) is not None:
            return "%s", (stopped,)
        if not (seconds := self._seconds()):
            return "STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f000', 'now')", ()
        template = "STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f000', 'now', %s)"
        return template, (f"{seconds:+.3f} seconds",)

    def _seconds(self) -> float:
        """Return how far it is from the database's own time."""
        told = pretended()
        return float(self.seconds) + (told.ahead.total_seconds() if told else 0.0)

    def _stopped(self, connection: Any) -> Any:
        """Return the moment, as it is stored, if the clock stands still; else ``None``."""
        told = pretended()
        if told is None or told.at is None:
            return None
        moment = _later(told.at, self.seconds)
        return self.output_field.get_db_prep_value(moment, connection)


def _later(moment: datetime, seconds: float) -> datetime:
    """Return ``moment`` plus ``seconds``, or the first or last there is."""
    try:
        return moment + timedelta(seconds=seconds)
    except OverflowError:
        return (datetime.max if seconds > 0 else datetime.min).replace(tzinfo=UTC)


def read(using: str) -> datetime:
    """Return the time that it is in a database, aware and in UTC."""
    connection = connections[using]
    sql, params = getattr(Moment(), f"as_{connection.vendor}")(None, connection)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {sql}", params)
        return told(connection, cursor.fetchone()[0])


def told(connection: Any, found: Any) -> datetime:
    """Return a moment, as a cursor brings it, aware and in UTC."""
    moment = datetime.fromisoformat(found) if isinstance(found, str) else found
    if moment.tzinfo is None and not features.stores_utc(connection):
        return moment.replace(tzinfo=UTC)
    return in_utc(moment)  # without USE_TZ PostgreSQL tells the time in the project's zone


class After(Func):
    """A moment, and ``seconds`` more."""

    arity = 1
    output_field = MomentField()

    def __init__(self, moment: Any, seconds: float) -> None:
        super().__init__(moment)
        self.seconds = float(seconds)

    def _plus(self, compiler: SQLCompiler, template: str, value: Any) -> tuple[str, Any]:
        text, params = compiler.compile(self.get_source_expressions()[0])
        return template.format(moment=text), (*params, value)

    def as_postgresql(
        self, compiler: SQLCompiler, connection: Any, **extra: Any
    ) -> tuple[str, Any]:
        return self._plus(compiler, "({moment} + MAKE_INTERVAL(secs => %s))", self.seconds)

    def as_mysql(self, compiler: SQLCompiler, connection: Any, **extra: Any) -> tuple[str, Any]:
        template = "({moment} + INTERVAL %s MICROSECOND)"
        return self._plus(compiler, template, int(self.seconds * 1_000_000))

    def as_sqlite(self, compiler: SQLCompiler, connection: Any, **extra: Any) -> tuple[str, Any]:
        template = "STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f000', {moment}, %s)"
        return self._plus(compiler, template, f"{self.seconds:+.3f} seconds")


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
