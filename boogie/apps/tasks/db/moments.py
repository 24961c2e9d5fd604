"""
Columns of time: moments, stored in UTC whatever ``USE_TZ`` and the zones of project and database.

Django stores local time where ``USE_TZ`` is off, or where ``DATABASES`` has a ``TIME_ZONE``.
That has no order in the hour which autumn repeats, and jumps in spring: no ground for a lease.
What users hand in and get is what Django's own column takes and gives.
"""

from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache, partial
from typing import Any

import django
from django.conf import settings
from django.db import connection as default_connection
from django.db import models
from django.db.models.functions.datetime import TimezoneMixin
from django.utils import timezone

from boogie.apps.tasks.recurrence import offsets

from . import features

#: Years around this one whose changes of local time are told to MySQL and MariaDB.
YEARS_BACK, YEARS_AHEAD = 15, 5


class MomentField(models.DateTimeField):  # type: ignore[type-arg]
    """
    A time in UTC, which nobody edits.

    It may be inserted as an expression, and is read back by the INSERT itself.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{"editable": False, "blank": True, **options})

    if django.VERSION < (6,):  # from 6.0 on Django reads back every expression

        @property
        def db_returning(self) -> bool:
            return bool(default_connection.features.can_return_columns_from_insert)

    #: Django's own is for ``auto_now``, and has ``update_or_create()`` write every time along.
    pre_save = models.Field.pre_save

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        is_text = connection.vendor == "sqlite"
        if _is_djangos(connection) and not is_text:
            return super().get_db_prep_value(value, connection, prepared)
        value = value if prepared else self.get_prep_value(value)
        if not isinstance(value, datetime):
            return value
        value = in_utc(value)
        if is_text:  # as the clock of clock.py has it: what is equal is to be the same text
            return value.replace(tzinfo=None).isoformat(" ", "microseconds")
        if features.stores_utc(connection):
            return value
        return connection.ops.adapt_datetimefield_value(value.replace(tzinfo=None))

    def get_db_converters(self, connection: Any) -> list[Any]:
        if _is_djangos(connection):
            return []
        if settings.USE_TZ:
            return [_aware_in_utc] if features.stores_utc(connection) else [_marked_as_utc]
        return [] if features.stores_utc(connection) else [_local]

    def to_python(self, value: Any) -> Any:
        if hasattr(value, "resolve_expression"):
            return value
        value = super().to_python(value)
        if value is None or settings.USE_TZ or timezone.is_naive(value):
            return value
        return timezone.make_naive(value, timezone.get_default_timezone())

    def value_to_string(self, obj: models.Model) -> str:
        return self.value_from_object(obj) or ""

    def value_from_object(self, obj: models.Model) -> Any:
        """Return it as text in UTC: what serializers make of a time has less."""
        value = super().value_from_object(obj)
        return None if value is None else in_utc(value).isoformat()

    def get_transform(self, lookup_name: str) -> Any:
        """Return the transform of this name; one that depends on a zone gets the local time."""
        found = super().get_transform(lookup_name)
        if found is None or not issubclass(found, TimezoneMixin):
            return found
        return partial(_of_local_time, found)


def _is_djangos(connection: Any) -> bool:
    """Return whether Django itself stores UTC, and reads it so."""
    return settings.USE_TZ and connection.timezone is UTC


def in_utc(value: datetime) -> datetime:
    """Return a moment that a user has handed in; of two equal hours ``fold`` tells which."""
    if value.tzinfo is None:
        value = value.replace(tzinfo=timezone.get_default_timezone())
    return value.astimezone(UTC)


def _aware_in_utc(value: Any, expression: Any, connection: Any) -> Any:
    """Differences of times in one zone leave out that its clocks were changed; not in UTC."""
    return None if value is None else value.astimezone(UTC)


def _marked_as_utc(value: Any, expression: Any, connection: Any) -> Any:
    """The backend has put it into the zone of its connection."""
    return None if value is None else value.replace(tzinfo=UTC)


def _local(value: Any, expression: Any, connection: Any) -> Any:
    if value is None:
        return None
    local = value.replace(tzinfo=UTC).astimezone(timezone.get_default_timezone())
    return local.replace(tzinfo=None)


# --- local time in statements ---------------------------------------------------------


class Local(models.Func):
    """A moment as Django would have stored it: what its functions of dates begin with."""

    arity = 1
    template = "%(expressions)s"
    output_field = models.DateTimeField()

    def resolve_expression(self, *args: Any, **options: Any) -> Any:
        """Resolve; what turns out to be no moment stays as it is."""
        resolved = super().resolve_expression(*args, **options)
        (source,) = resolved.get_source_expressions()
        return resolved if isinstance(source.output_field, MomentField) else source

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        text, params = compiler.compile(self.get_source_expressions()[0])
        if _is_djangos(connection):
            return text, params
        # Django's function, which every connection has, drops the microseconds.
        shifted = f"django_datetime_trunc('second', {text}, %s, 'UTC') || substr({text}, 20)"
        return f"({shifted})", (*params, str(_zone(connection)), *params)

    def as_mysql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        text, params = compiler.compile(self.get_source_expressions()[0])
        if _is_djangos(connection):
            return text, params
        # The server need not know the zone: its tables of zones are loaded by hand.
        year = datetime.now(UTC).year
        first, *changes = _offsets(_zone(connection), year - YEARS_BACK, year + YEARS_AHEAD)
        cases = [f"WHEN {text} >= '{when}' THEN {offset}" for when, offset in reversed(changes)]
        seconds = f"CASE {' '.join(cases)} ELSE {first[1]} END" if cases else str(first[1])
        return f"({text} + INTERVAL ({seconds}) SECOND)", tuple(params) * (len(cases) + 1)


def _of_local_time(transform: Any, moment: Any) -> Any:
    return transform(Local(moment))


def in_local_time(expression: Any) -> Any:
    """Return ``expression`` with Django's functions of dates applied to the local time."""
    if not hasattr(expression, "get_source_expressions"):
        return expression
    sources = expression.get_source_expressions()
    if isinstance(expression, TimezoneMixin):
        changed = [Local(source) for source in sources]
    else:
        changed = [in_local_time(source) for source in sources]
    if all(new is old for new, old in zip(changed, sources, strict=True)):
        return expression
    expression = expression.copy()
    expression.set_source_expressions(changed)
    return expression


def _zone(connection: Any) -> tzinfo:
    """Return the zone in which Django stores times."""
    return connection.timezone or timezone.get_default_timezone()


@cache
def _offsets(zone: tzinfo, first: int, last: int) -> list[tuple[datetime, int]]:
    """Return the offsets of a zone in seconds, each with the moment from which on it holds."""
    week = timedelta(days=7)
    moment, end = (datetime(year, 1, 1, tzinfo=UTC) for year in (first, last + 1))
    found = [_held(zone, moment)]
    while moment < end:
        if _held(zone, moment + week)[1] != found[-1][1]:
            found.append(_held(zone, offsets.change(zone, moment, moment + week)))
        moment += week
    return found


def _held(zone: tzinfo, moment: datetime) -> tuple[datetime, int]:
    return moment.replace(tzinfo=None), int(offsets.at(zone, moment).total_seconds())
