"""
References to objects: a key as text, and who may be referred to.
"""

from typing import Any

from django.db import models
from django.utils.functional import LazyObject

MAX_KEY_LENGTH = 255


def unwrap(obj: Any) -> Any:
    """Return the object behind a lazy one such as ``request.user``."""
    if isinstance(obj, LazyObject):
        obj.__class__  # noqa: B018 - makes the lazy object fetch what it wraps
        return obj._wrapped
    return obj


def check_object(name: str, obj: Any) -> models.Model:
    """
    Return ``obj`` if a row can be about it.

    Raise ``TypeError`` if it is not a model instance, ``ValueError`` if it is
    not stored in a database.
    """
    obj = unwrap(obj)
    if not isinstance(obj, models.Model):
        raise TypeError(
            f"{name}: the first argument must be a model instance, not "
            f"{'the class ' if isinstance(obj, type) else ''}{obj!r:.80}"
            f"{'' if isinstance(obj, type) else f' of type {type(obj).__qualname__}'}."
        )
    if obj._state.adding or not _has_key(obj):
        raise ValueError(
            f"{name}: the {type(obj).__qualname__} was never saved, or is deleted; "
            f"a task needs an object that its worker can find."
        )
    return obj


def _has_key(obj: models.Model) -> bool:
    key = obj.pk
    return None not in key if isinstance(key, tuple) else key is not None


def object_key(obj: models.Model) -> str:
    """Return the primary key of ``obj`` as text; a composite one as a JSON array."""
    return str(obj._meta.pk.value_to_string(obj))


def checked_key(name: str, obj: models.Model) -> str:
    """Return :func:`object_key`, or raise ``ValueError`` if it is too long or not storable."""
    key = object_key(obj)
    if len(key) > MAX_KEY_LENGTH:
        raise ValueError(
            f"{name}: the primary key of the {type(obj).__qualname__} takes {len(key)} characters "
            f"as text; at most {MAX_KEY_LENGTH} are supported."
        )
    if "\0" in key:
        raise ValueError(f"{name}: the primary key of the object has a NUL character.")
    return key


def key_value(model: type[models.Model], key: str) -> Any:
    """Return the primary key of ``model`` that :func:`object_key` wrote as text."""
    return model._meta.pk.to_python(key)
