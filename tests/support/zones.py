"""Zones whose clocks are changed twice a year, and a database whose clock a test moves."""

import contextlib
from datetime import UTC, datetime

from django.conf import settings
from django.db import connection, connections
from django.utils import timezone

from boogie.apps.tasks.db import compiled

#: The second before clocks are changed, in spring and in autumn, in UTC.
CHANGES = {
    "Europe/Berlin": [datetime(2026, 3, 29, 0, 59, 59), datetime(2026, 10, 25, 0, 59, 59)],
    "America/New_York": [datetime(2026, 3, 8, 6, 59, 59), datetime(2026, 11, 1, 5, 59, 59)],
}

#: What each database is asked for its clock, and the same for a moment that is given.
CLOCKS = {
    "sqlite": ("'now'", "'{}'"),
    "postgresql": ("STATEMENT_TIMESTAMP()", "('{}+00'::timestamptz)"),
    "mysql": ("UTC_TIMESTAMP(6)", "TIMESTAMP'{}'"),
}


@contextlib.contextmanager
def clock_at(moment):
    """Have the clock of the database stand at a naive ``moment`` in UTC."""
    asked, told = CLOCKS[connection.vendor]

    def tell(execute, statement, params, many, context):
        return execute(statement.replace(asked, told.format(moment)), params, many, context)

    with connection.execute_wrapper(tell):
        yield


def tell(zone):
    """Have the connection live in ``zone``, as ``TIME_ZONE`` in ``DATABASES`` does."""
    wrapper = connections["default"]
    wrapper.settings_dict["TIME_ZONE"] = zone
    for name in ("timezone", "timezone_name"):
        vars(wrapper).pop(name, None)
    wrapper.ensure_timezone()
    compiled.forget()  # a connection has one zone as long as it lives


def as_user(moment):
    """Return a moment as a user of Django has it."""
    aware = moment.replace(tzinfo=UTC)
    if settings.USE_TZ:
        return aware
    return aware.astimezone(timezone.get_default_timezone()).replace(tzinfo=None)


def in_utc(moment):
    """Return a moment that was read, naive and in UTC."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.get_default_timezone())
    return moment.astimezone(UTC).replace(tzinfo=None)
