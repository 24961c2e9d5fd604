"""
References to objects: a key as text, and who may be referred to.
"""

from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.functional import LazyObject

MAX_KEY_LENGTH = 255


def unwrap(obj: Any) -> Any:
    """Return the object behind a lazy one such as ``request.user``."""
    while isinstance(obj, LazyObject):
        obj.__class__  # noqa: B018 - makes the lazy object fetch what it wraps
        obj = obj._wrapped
    return obj


def check_object(name: str, obj: Any) -> models.Model:
    """
    Return ``obj`` if a row can be about it.

    Raise ``TypeError`` if it is not a model instance, ``ValueError`` if it is
    not stored in a database.
    """
    obj = unwrap(obj)
    if not isinstance(obj, models.Model):
        raise TypeError(f"{name}: the first argument must be a model instance, not {_told(obj)}.")
    if problem := unstored(obj):
        raise ValueError(f"{name}: {problem}")
    return obj


def _told(obj: Any) -> str:
    """Return what was given in place of an instance; a queryset is not asked what is in it."""
    if isinstance(obj, models.QuerySet | models.Manager):
        return (
            f"a {type(obj).__qualname__} of {obj.model._meta.label}; "
            f"each() of a task takes a queryset, and makes a row for each object"
        )
    if isinstance(obj, type):
        return f"the class {obj!r:.80}"
    return f"{obj!r:.80} of type {type(obj).__qualname__}"


def unstored(obj: models.Model) -> str:
    """Return why no worker would find an instance; empty if it is stored in a database."""
    if not obj._state.adding and _has_key(obj):
        return ""
    return (
        f"the {type(obj).__qualname__} was never saved, or is deleted; "
        f"a task needs an object that its worker can find."
    )


def _has_key(obj: models.Model) -> bool:
    key = obj.pk
    return None not in key if isinstance(key, tuple) else key is not None


def object_key(obj: models.Model) -> str:
    """
    Return the primary key of ``obj`` as text, as it will be read; a composite one as a JSON array.

    An instance may have it as its maker wrote it: a UUID as text, a decimal with fewer places.
    """
    pk: Any = obj._meta.pk
    value = getattr(obj, pk.attname, None)
    if type(value) is int and isinstance(pk, models.IntegerField):
        return str(value)
    value, field = _canonical(pk, value), _own(pk)  # as text a child's key is its parent's
    return str(field.value_to_string(SimpleNamespace(**{field.attname: value})))


def _own(field: Any) -> Any:
    """Return the field whose values ``field`` has: at the end of its relations."""
    while field.is_relation:
        field = field.target_field
    return field


def _canonical(field: Any, value: Any) -> Any:
    """Return a key as its database would give it back: by way of what that is sent."""
    if isinstance(field, models.CompositePrimaryKey):
        return [_canonical(*part) for part in zip(field.fields, value, strict=True)]
    if value is None:
        return value
    field = _own(field)
    value = field.to_python(field.get_prep_value(field.to_python(value)))
    if isinstance(value, str):
        return str.__str__(value)  # drivers send what an enum or a safe string holds
    if isinstance(value, float):
        return value + 0.0  # without the minus of a zero
    if isinstance(value, Decimal):
        return _rounded(value, field)
    if isinstance(value, datetime) and value.tzinfo is not None:
        return _in_the_zone_of_the_database(value)
    return value


def _rounded(value: Decimal, field: Any) -> Decimal:
    """Return ``value`` with the places of its column, without the minus of a zero."""
    if field.decimal_places is None:
        return Decimal(f"{value.normalize(field.context):f}") if value else Decimal(0)
    place = Decimal(1).scaleb(-field.decimal_places)
    return (value or Decimal(0)).quantize(place, context=field.context)


def _in_the_zone_of_the_database(value: datetime) -> datetime:
    if settings.USE_TZ:
        return value.astimezone(UTC)
    return timezone.make_naive(value, timezone.get_default_timezone())


def checked_key(name: str, obj: models.Model) -> str:
    """Return :func:`object_key`, or raise ``ValueError`` if it is too long or not storable."""
    key = object_key(obj)
    if problem := unfit_key(obj, key):
        raise ValueError(f"{name}: {problem}")
    return key


def unfit_key(obj: models.Model, key: str) -> str:
    """Return why no row can have the ``key`` of ``obj``; empty if it can."""
    if len(key) > MAX_KEY_LENGTH:
        return (
            f"the primary key of the {type(obj).__qualname__} takes {len(key)} characters "
            f"as text; at most {MAX_KEY_LENGTH} are supported."
        )
    return "the primary key of the object has a NUL character." if "\0" in key else ""


def key_value(model: type[models.Model], key: str) -> Any:
    """Return the primary key of ``model`` that :func:`object_key` wrote as text."""
    return model._meta.pk.to_python(key)
