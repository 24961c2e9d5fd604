"""
Progress without its note, in an UPDATE.
"""

from typing import Any

from django.db import models

from boogie.apps.tasks.db.fields import JSONField


class Noteless(models.Func):
    """A JSON object with an empty ``note``."""

    arity = 1
    output_field = JSONField()
    template = "JSON_SET(%(expressions)s, '$.note', '')"

    def as_postgresql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        template = """JSONB_SET(%(expressions)s, '{note}', '""')"""
        return self.as_sql(compiler, connection, template=template, **extra)
