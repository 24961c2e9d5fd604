"""
Columns and indexes that mean the same on every database. Migrations name them.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from boogie.apps.tasks.serialization import as_stored, codec, sealing, unfit
from boogie.apps.tasks.serialization.forms import PayloadField
from boogie.apps.tasks.serialization.progress import Progress

from . import features

if TYPE_CHECKING:
    CharField = models.CharField[str, str]
else:
    CharField = models.CharField


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
    loader: type[json.JSONDecoder] = codec.Loader
    default_error_messages = {
        "unfit": _("JSON would not bring this back as it is: %(reason)s."),
        "shape": _("This must be a %(shape)s, as the default is; it is a %(kind)s."),
    }

    def __init__(self, *args: Any, **options: Any) -> None:
        options["encoder"] = codec.Encoder
        # That of who loads a fixture; rows are read by from_db_value().
        options["decoder"] = self.loader
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

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        try:
            return codec.loaded(value) if isinstance(value, str) else value
        except json.JSONDecodeError:  # SQLite has text of its own for what is taken out of JSON
            return value

    def value_from_object(self, obj: models.Model) -> Any:
        value = super().value_from_object(obj)
        # These a serializer takes for columns of such a type, and does not ask value_to_string().
        is_taken = value is None or isinstance(value, int | float | Decimal | date | time)
        return codec.tree(self._to_dump(obj)) if is_taken else value

    def value_to_string(self, obj: models.Model) -> Any:
        return codec.tree(self._to_dump(obj))

    def _to_dump(self, obj: models.Model) -> Any:
        """Return the value of a row: what was stored encrypted leaves as it came."""
        if self.name == "result":
            return as_stored.result(obj)
        return sealing.resealed(super().value_from_object(obj))

    def to_python(self, value: Any) -> Any:
        try:
            return codec.restored(value)
        except codec.MALFORMED:
            raise self._invalid(value, "invalid") from None

    def validate(self, value: Any, model_instance: models.Model | None) -> None:
        try:
            codec.pack(value)
        except unfit.Unfit as error:
            raise self._invalid(value, "unfit", reason=error.placed) from None
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

    shape: type = list

    def __init__(self, *args: Any, **options: Any) -> None:
        fixed = {"default": self.shape, "null": True, "blank": True, "editable": False}
        super().__init__(*args, **{**options, **fixed})

    def deconstruct(self) -> Any:
        name, path, args, options = super().deconstruct()
        for fixed in ("default", "null", "blank", "editable"):
            del options[fixed]
        return name, path, args, options

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        if value is None:
            return self.shape()
        return super().from_db_value(value, expression, connection)

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        return super().get_db_prep_save(value or None, connection)


class DictField(ListField):
    """The same for a dict."""

    shape = dict


def _progress(value: Any) -> Progress | None:
    return None if value is None else Progress(**value)


class _ProgressLoader(codec.Loader):
    def decode(self, s: str, *args: Any) -> Progress | None:
        return _progress(super().decode(s, *args))


class ProgressField(JSONField):
    """A :class:`Progress`, or ``None``."""

    loader = _ProgressLoader

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Progress | None:
        return _progress(super().from_db_value(value, expression, connection))

    def to_python(self, value: Any) -> Any:
        # Of XML it is the text, for which the loader is asked afterwards.
        is_one = isinstance(value, Progress | str)
        return value if is_one else _progress(super().to_python(value))

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        plain = asdict(value) if isinstance(value, Progress) else value
        return super().get_db_prep_value(plain, connection, prepared)

    def value_to_string(self, obj: models.Model) -> Any:
        value = self.value_from_object(obj)
        return codec.tree(sealing.resealed(asdict(value))) if isinstance(value, Progress) else value


class ExactCharField(CharField):
    """Text that is compared character by character on every database."""

    def db_parameters(self, connection: Any) -> Any:
        parameters = super().db_parameters(connection)
        if collation := features.exact_collation(connection):
            parameters["collation"] = collation
        return parameters


#: What MySQL and MariaDB do nothing about.
NO_STATEMENT = "DO 0"


class PartialIndex(models.Index):
    """
    An index on the rows that match ``where``; on all rows where a database has no such thing.

    Django's own ``condition`` makes every MySQL and MariaDB site read a warning. There it also has
    ``besides``: of a large part of a table a planner would read all rows, but for such an index.
    ``elsewhere``: whether there is to be one there; each row would have a place in it.
    """

    def __init__(
        self,
        *args: Any,
        where: Q,
        besides: Sequence[str] = (),
        elsewhere: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(*args, **options)
        self.where, self.besides, self.elsewhere = where, besides, elsewhere

    def deconstruct(self) -> Any:
        path, expressions, options = super().deconstruct()
        own = {"where": self.where, "besides": self.besides}
        if not self.elsewhere:
            own["elsewhere"] = False
        return path, expressions, {**options, **own}

    def _is_wanted(self, schema_editor: Any) -> bool:
        return self.elsewhere or schema_editor.connection.features.supports_partial_indexes

    def remove_sql(self, model: Any, schema_editor: Any, **options: Any) -> Any:
        if not self._is_wanted(schema_editor):
            return NO_STATEMENT
        return super().remove_sql(model, schema_editor, **options)

    def create_sql(self, model: Any, schema_editor: Any, using: str = "", **options: Any) -> Any:
        if not self._is_wanted(schema_editor):
            return NO_STATEMENT
        if schema_editor.connection.features.supports_partial_indexes:
            conditions: list[Any] = self.where.children
            # What all its rows have in common is not in their order: PostgreSQL would not know.
            alike = {name.removesuffix("__isnull") for name, value in conditions if value is True}
            fields = [name for name in self.fields if name not in alike]
            index = models.Index(fields=fields, name=self.name, condition=self.where)
        else:
            index = models.Index(fields=[*self.fields, *self.besides], name=self.name)
        return index.create_sql(model, schema_editor, using, **options)
