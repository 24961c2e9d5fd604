"""A clock that is moved by hand: the database's, and that of the modules that are given it."""

from datetime import UTC, datetime, timedelta

from django.db.models import Value

from boogie.apps.tasks.db.clock import Moment


class Clock:
    """Seconds since a beginning, in place of ``time``."""

    start = datetime(2026, 1, 1, tzinfo=UTC)
    now = 0.0

    def monotonic(self):
        return self.now

    def compile(self, moment, compiler, connection, **extra):
        """Compile a moment as what it is by this clock."""
        time = self.start + timedelta(seconds=self.now + moment.seconds)
        return compiler.compile(Value(time, output_field=Moment.output_field))

    def moves_the_database(self, monkeypatch):
        """Have the database's time be this one in every statement."""
        for vendor in ("postgresql", "mysql", "sqlite"):
            monkeypatch.setattr(
                Moment, f"as_{vendor}", lambda moment, *args, **extra: self.compile(moment, *args)
            )
