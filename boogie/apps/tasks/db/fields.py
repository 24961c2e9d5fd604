"""
Columns and indexes that mean the same on every database. Migrations name them.
"""

from dataclasses import asdict
from datetime import date, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from boogie.apps.tasks.serialization import codec
from boogie.apps.tasks.serialization.forms import PayloadField
from boogie.apps.tasks.serialization.progress import Progress

from . import features

if TYPE_CHECKING:
    CharField = models.CharField[str, str]
else:
    CharField = models.CharField


#: Stands for the database's time in a :class:`Dated` value. No text that is stored has a NUL.
NOW = "\0"


class JSONField(models.JSONField):
    """
    JSON stored as it was written.

    MariaDB and SQLite check JSON columns with functions that refuse data nested
    more deeply than 31 and 1000 levels; there the column is plain text.

    Serializers of Django (``dumpdata``) get the tree that is stored, not values that
    they would write in ways of their own.
    """

    #: An empty list is a value; only the lack of one is invalid.
    empty_values = ()
    default_error_messages = {
        "unfit": _("JSON would not bring this back as it is: %(reason)s."),
        "shape": _("This must be a %(shape)s, as the default is; it is a %(kind)s."),
    }

    def __init__(self, *args: Any, **options: Any) -> None:
        options["encoder"] = codec.Encoder
        options["decoder"] = codec.Decoder
        super().__init__(*args, **options)

    def deconstruct(self) -> Any:
        name, path, args, options = super().deconstruct()
        del options["encoder"], options["decoder"]
        return name, path, args, options

    def db_type(self, connection: Any) -> str | None:
        if features.checks_json(connection):
            return "longtext"
        return super().db_type(connection)

    def db_check(self, connection: Any) -> str | None:
        return None

    def value_from_object(self, obj: models.Model) -> Any:
        value = super().value_from_object(obj)
        # These a serializer takes for columns of such a type, and does not ask value_to_string().
        return codec.tree(value) if isinstance(value, Decimal | date | time) else value

    def value_to_string(self, obj: models.Model) -> Any:
        return codec.tree(super().value_from_object(obj))

    def to_python(self, value: Any) -> Any:
        try:
            return codec.restored(value)
        except codec.MALFORMED:
            raise self._invalid(value, "invalid") from None

    def validate(self, value: Any, model_instance: models.Model | None) -> None:
        try:
            codec.pack(value)
        except codec.Unfit as unfit:
            raise self._invalid(value, "unfit", reason=unfit.placed) from None
        super().validate(value, model_instance)
        if self.default in (list, dict) and not isinstance(value, self.default):
            kind, shape = type(value).__name__, self.default.__name__
            raise self._invalid(value, "shape", kind=kind, shape=shape)

    def _invalid(self, value: Any, code: str, **params: Any) -> ValidationError:
        params["value"] = value
        return ValidationError(self.error_messages[code], code=code, params=params)

    def formfield(self, **options: Any) -> Any:
        return super().formfield(**{"form_class": PayloadField, **options})

    def save_form_data(self, instance: models.Model, data: Any) -> None:
        empty = data is None and not self.null
        super().save_form_data(instance, self.get_default() if empty else data)


class ListField(JSONField):
    """A list that the machine writes; an empty one takes no room, and no part in an INSERT."""

    def __init__(self, *args: Any, **options: Any) -> None:
        fixed = {"default": list, "null": True, "blank": True, "editable": False}
        super().__init__(*args, **{**options, **fixed})

    def deconstruct(self) -> Any:
        name, path, args, options = super().deconstruct()
        for fixed in ("default", "null", "blank", "editable"):
            del options[fixed]
        return name, path, args, options

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        return [] if value is None else super().from_db_value(value, expression, connection)

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        return super().get_db_prep_save(value or None, connection)


class ProgressField(JSONField):
    """A :class:`Progress`, or ``None``."""

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Progress | None:
        return self._made(super().from_db_value(value, expression, connection))

    def to_python(self, value: Any) -> Progress | None:
        return value if isinstance(value, Progress) else self._made(super().to_python(value))

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        plain = asdict(value) if isinstance(value, Progress) else value
        return super().get_db_prep_value(plain, connection, prepared)

    def value_to_string(self, obj: models.Model) -> Any:
        value = self.value_from_object(obj)
        return asdict(value) if isinstance(value, Progress) else value

    def _made(self, value: Any) -> Progress | None:
        return None if value is None else Progress(**value)


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

    def _replacing(self, now: str) -> tuple[str, Any]:
        text, found = codec.to_json(self.value), codec.to_json(NOW)
        return f"REPLACE(%s, %s, {now})", (text, found)

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return self._replacing("""STRFTIME('"%%Y-%%m-%%dT%%H:%%M:%%f+00:00"', 'now')""")

    def as_mysql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return self._replacing(
            """DATE_FORMAT(UTC_TIMESTAMP(6), '"%%Y-%%m-%%dT%%H:%%i:%%s.%%f+00:00"')"""
        )

    def as_postgresql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        now = "STATEMENT_TIMESTAMP() AT TIME ZONE 'UTC'"
        form = """'YYYY-MM-DD"T"HH24:MI:SS.US'"""
        text, params = self._replacing(f"""'"' || TO_CHAR({now}, {form}) || '+00:00"'""")
        return f"{text}::jsonb", params


class ExactCharField(CharField):
    """Text that is compared character by character on every database."""

    def db_parameters(self, connection: Any) -> Any:
        parameters = super().db_parameters(connection)
        if collation := features.exact_collation(connection):
            parameters["collation"] = collation
        return parameters


class PartialIndex(models.Index):
    """
    An index on the rows that match ``where``; on all rows where a database has no such thing.

    Django's own ``condition`` makes every MySQL and MariaDB site read a warning.
    """

    def __init__(self, *expressions: Any, where: Q, **options: Any) -> None:
        super().__init__(*expressions, **options)
        self.where = where

    def deconstruct(self) -> Any:
        path, expressions, options = super().deconstruct()
        return path, expressions, {**options, "where": self.where}

    def _asked(self) -> list[tuple[str, Any]]:
        conditions: list[Any] = self.where.children
        return [(name, value) for name, value in conditions if name.endswith("__isnull")]

    def create_sql(self, model: Any, schema_editor: Any, using: str = "", **options: Any) -> Any:
        if not schema_editor.connection.features.supports_partial_indexes:
            return super().create_sql(model, schema_editor, using, **options)
        # What all its rows have in common takes no part in their order: PostgreSQL would not know.
        alike = {name.removesuffix("__isnull") for name, value in self._asked() if value is True}
        fields = [name for name in self.fields if name not in alike]
        partial = models.Index(fields=fields, name=self.name, condition=self.where)
        return partial.create_sql(model, schema_editor, using, **options)
