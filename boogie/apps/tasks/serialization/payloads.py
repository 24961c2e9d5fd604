"""
What travels between processes: Celery's JSON both ways, its limits, and
references to objects. Nothing here touches the database.
"""

import json
import math
from collections.abc import Mapping
from typing import Any

from django.db import models
from django.utils.functional import LazyObject
from kombu.utils.json import JSONEncoder, dumps, loads, object_hook

from boogie.apps.tasks.conf import conf
from boogie.apps.tasks.exceptions import ArgumentError, ResultError

MAX_KEY_LENGTH = 255


class Encoder(JSONEncoder):
    """Celery's (kombu's) JSON encoder."""


class Decoder(json.JSONDecoder):
    """Celery's JSON decoder, which also restores floats that ``jsonb`` would turn into integers."""

    def __init__(self, **options: Any) -> None:
        super().__init__(object_hook=_restore, **options)


def _restore(value: dict[str, Any]) -> Any:
    if value.keys() == {"__type__", "__value__"} and value["__type__"] == "float":
        return float(value["__value__"])
    return object_hook(value)


class Unfit(Exception):
    """Internal: a value that JSON would not bring back; ``path`` grows on the way up."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.path = ""

    def within(self, step: str) -> "Unfit":
        """Put ``step`` in front of the path, and return the error to be raised again."""
        self.path = step + self.path
        return self


def pack(value: Any) -> Any:
    """Return ``value`` as a tree that JSON brings back as it went, or raise :class:`Unfit`."""
    if value is None or value is True or value is False:
        return value
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, list | tuple):
        return [_inner(item, f"[{index}]") for index, item in enumerate(value)]
    if isinstance(value, Mapping):
        return _mapping(value)
    return _scalar(value)


def _inner(value: Any, step: str) -> Any:
    try:
        return pack(value)
    except Unfit as unfit:
        raise unfit.within(step) from None


def _text(value: str) -> str:
    if "\0" in value:
        raise Unfit("text with a NUL character")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise Unfit("text with a lone surrogate") from None
    return value


def _float(value: float) -> Any:
    if not math.isfinite(value):
        raise Unfit(f"the float {value!r}")
    if value.is_integer() and (abs(value) >= 1e15 or math.copysign(1, value) < 0):
        return {"__type__": "float", "__value__": float.__repr__(value)}
    return value


def _mapping(value: Mapping[Any, Any]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Unfit(f"a {type(value).__qualname__}")
    if value.keys() == {"__type__", "__value__"}:
        raise Unfit("a dict with just the keys '__type__' and '__value__', which JSON decodes")
    for key in value:
        if not isinstance(key, str):
            raise Unfit(f"a dict with the key {key!r}, which is not text")
        _inner(key, f"[{key!r}]")
    return {key: _inner(item, f"[{key!r}]") for key, item in value.items()}


def _scalar(value: Any) -> Any:
    try:
        back = loads(dumps(value))
        differs = not isinstance(value, type(back)) or back != value
    except Exception:  # comparing may raise too: a signalling NaN does
        raise Unfit(f"a {type(value).__qualname__}") from None
    if differs:
        raise Unfit(f"a {type(value).__qualname__} ({value!r:.80})")
    return value


def to_json(value: Any) -> str:
    """Return the text that the database stores for a packed ``value``."""
    return json.dumps(value, cls=Encoder)


def round_trip(packed: Any) -> Any:
    """Return what a worker would read for a packed value."""
    return json.loads(to_json(packed), cls=Decoder)


def pack_arguments(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any]:
    """
    Return packed ``(args, kwargs)`` for a row of the task ``name``.

    Raise :class:`ArgumentError` that names the argument which would not come
    back as it went, or when both together exceed ``MAX_ARGUMENTS_SIZE``.
    """
    packed_args = [_argument(name, f"argument {i + 2}", a) for i, a in enumerate(args)]
    packed_kwargs = {k: _argument(name, f"argument {k!r}", v) for k, v in kwargs.items()}
    if args or kwargs:
        size = len(to_json([packed_args, packed_kwargs]))
        if size > conf.MAX_ARGUMENTS_SIZE:
            raise ArgumentError(
                f"{name}: the arguments take {size} bytes of JSON, more than "
                f"MAX_ARGUMENTS_SIZE ({conf.MAX_ARGUMENTS_SIZE}). Store the data and pass its key."
            )
    return packed_args, packed_kwargs


def _argument(name: str, label: str, value: Any) -> Any:
    if isinstance(value, models.Model):
        reason = f"a model instance ({type(value).__qualname__}); pass its primary key"
    else:
        try:
            return pack(value)
        except Unfit as unfit:
            reason = f"{unfit.path and f'at {unfit.path} '}{unfit}"
        except RecursionError:
            reason = "nested too deeply, or contains itself"
    raise ArgumentError(f"{name}: {label} would not come back from JSON as it went: {reason}.")


def pack_result(name: str, data: Any) -> Any:
    """Return the packed result of a run, or raise :class:`ResultError` naming its type."""
    kind = type(data).__qualname__
    advice = "Return JSON-compatible data, or override serialize_result() in a BoogieTask subclass."
    try:
        packed = pack(data)
        size = len(to_json(packed))
    except Unfit as unfit:
        where = f" at {unfit.path}" if unfit.path else ""
        reason = f"JSON would not bring back {unfit}{where}"
        raise ResultError(
            f"{name} returned a {kind} that cannot be stored: {reason}. {advice}"
        ) from None
    except RecursionError:
        reason = "it is nested too deeply, or contains itself"
        raise ResultError(
            f"{name} returned a {kind} that cannot be stored: {reason}. {advice}"
        ) from None
    if size > conf.MAX_RESULT_SIZE:
        raise ResultError(
            f"{name} returned a {kind} of {size} bytes of JSON, more than "
            f"MAX_RESULT_SIZE ({conf.MAX_RESULT_SIZE}). Store it elsewhere and return a "
            f"reference, or shrink it in serialize_result()."
        )
    return packed


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
