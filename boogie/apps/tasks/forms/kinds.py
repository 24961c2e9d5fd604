"""
Which field stands for which annotation.
"""

import enum
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Literal, get_args, get_origin
from uuid import UUID

from django import forms
from django.db import models
from django.utils.translation import gettext_lazy as _

from boogie.apps.tasks.declaration.signatures import UNKNOWN, alternatives

from . import choices, fields, keys
from .structures import JSONField, LinesField

#: What makes the field of a type; the subclasses of these are something of their own.
SIMPLE: dict[Any, Callable[..., forms.Field]] = {
    str: fields.TextField,
    int: fields.IntegerField,
    float: fields.FloatField,
    Decimal: fields.DecimalField,
    date: fields.DateField,
    datetime: fields.DateTimeField,
    time: fields.TimeField,
    timedelta: fields.DurationField,
    UUID: forms.UUIDField,
}

#: Generic types that are written one value a line.
LISTS = (list, Sequence, Collection, Iterable, tuple)


def field_for(
    annotation: Any, default: Any, searches: keys.Searches, **options: Any
) -> forms.Field:
    """Return the field of an argument; an unknown annotation is read from the ``default``."""
    kinds = [kind for kind in alternatives(annotation) if kind is not type(None)]
    if kinds == [UNKNOWN] and default is not UNKNOWN:
        kinds = [type(default)]
    takes_none = takes_none_by(annotation)
    field = _single(kinds[0], takes_none, searches, options) if len(kinds) == 1 else None
    return field or _json(kinds, options)


def takes_none_by(annotation: Any) -> bool:
    """Return whether an annotation says that ``None`` may be given."""
    found = alternatives(annotation)
    return any(kind in (None, type(None)) or None in _literals(kind) for kind in found)


def _literals(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if get_origin(kind) is Literal else ()


def _single(
    kind: Any, takes_none: bool, searches: keys.Searches, options: dict[str, Any]
) -> forms.Field | None:
    """Return the field of one type; ``None``: only JSON can hold it."""
    if kind is bool:
        return _yes_or_no(takes_none, options)
    if kind in SIMPLE:
        return SIMPLE[kind](**options)
    if get_origin(kind) is Literal:
        return choices.OptionField(choices.of_literal(get_args(kind)), **options)
    if get_origin(kind) in LISTS:
        return _lines(get_args(kind), searches.typed(), options)
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return choices.OptionField(choices.of_enum(kind), **options)
    if is_model(kind):
        return keys.field_for(kind, searches, **options)
    return None


def is_model(kind: Any) -> bool:
    """Return whether ``kind`` is a model that has objects."""
    is_one = isinstance(kind, type) and issubclass(kind, models.Model)
    return is_one and not kind._meta.abstract


def takes_instances(annotation: Any) -> bool:
    """Return whether an annotation says that an instance, or a list of some, is to be given."""
    found = alternatives(annotation)
    members = [one for kind in found if get_origin(kind) in LISTS for one in get_args(kind)]
    return any(is_model(kind) for member in [*found, *members] for kind in alternatives(member))


def _yes_or_no(takes_none: bool, options: dict[str, Any]) -> forms.Field:
    if takes_none:
        return choices.OptionField(choices.yes_or_no(), **options)
    return fields.YesNoField(**{**options, "required": False})


def _lines(
    members: tuple[Any, ...], searches: keys.Searches, options: dict[str, Any]
) -> forms.Field | None:
    """Return the field of ``list[member]``; ``None``: an item would take more than a line."""
    if len(members) not in (1, 2) or members[1:] not in ((), (Ellipsis,)):
        return None
    kinds = [kind for kind in alternatives(members[0]) if kind is not type(None)]
    inner = _single(kinds[0], False, searches, {}) if len(kinds) == 1 else None
    if inner is None or isinstance(inner, LinesField):
        return None
    if isinstance(inner, fields.YesNoField):
        inner = choices.OptionField(choices.yes_or_no())
    takes_none = takes_none_by(members[0])
    options = {**options, "required": False}
    return LinesField(inner, takes_none=takes_none, **_helped(options, _("One a line.")))


def _json(kinds: list[Any], options: dict[str, Any]) -> forms.Field:
    found = {get_origin(kind) or kind for kind in kinds}
    shape = next(iter(found)) if len(found) == 1 else None
    known = shape if shape in JSONField.shapes else None
    return JSONField(shape=known, **_helped(options, _("JSON: text stands in double quotes.")))


def _helped(options: dict[str, Any], words: Any) -> dict[str, Any]:
    return {"help_text": words, **options}
