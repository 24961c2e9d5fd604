"""
JSON in which the database writes its time.
"""

from typing import Any

from django.db import models

from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.db.fields import JSONField
from boogie.apps.tasks.serialization import codec

#: Stands for the database's time in a :class:`Dated` value. No text that is stored has a NUL.
NOW = "\0"


class Dated(models.Func):
    """
    JSON in which the database writes its time, in UTC, wherever it says :data:`NOW`.

    So a time in the midst of JSON comes from the clock of all others, and takes no statement.
    """

    arity = 0
    output_field = JSONField()

    def __init__(self, value: Any, **extra: Any) -> None:
        super().__init__(**extra)
        self.value = value

    def _replacing(self, template: str, now: tuple[str, Any]) -> tuple[str, Any]:
        text, found = codec.to_json(self.value), codec.to_json(NOW)
        return f"REPLACE(%s, %s, {template.format(now=now[0])})", (text, found, *now[1])

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        template = """STRFTIME('"%%Y-%%m-%%dT%%H:%%M:%%f+00:00"', {now})"""
        return self._replacing(template, Moment().as_sqlite(compiler, connection))

    def as_mysql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        template = """DATE_FORMAT({now}, '"%%Y-%%m-%%dT%%H:%%i:%%s.%%f+00:00"')"""
        return self._replacing(template, Moment().as_mysql(compiler, connection))

    def as_postgresql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        form = """'YYYY-MM-DD"T"HH24:MI:SS.US'"""
        template = f"""'"' || TO_CHAR({{now}} AT TIME ZONE 'UTC', {form}) || '+00:00"'"""
        text, params = self._replacing(template, Moment().as_postgresql(compiler, connection))
        return f"{text}::jsonb", params
