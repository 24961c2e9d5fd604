"""
Celery's JSON both ways, and what it does not bring back.
"""

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db.models import Model
from django.utils.functional import LazyObject
from kombu.utils.json import JSONEncoder, object_hook

from . import faithful, instances, sealing, unfit
from .references import unwrap
from .unfit import Unfit, Unreferable

SEALED = sealing.MARK


class Encoder(JSONEncoder):
    """
    Celery's (kombu's) JSON encoder, which knows a little more.

    It marks floats that ``jsonb`` would make integers, and lengths of time.
    """

    def default(self, o: Any) -> Any:
        if isinstance(o, timedelta):
            exact = [o.days, o.seconds, o.microseconds]
            return {"__type__": "timedelta", "__value__": exact}
        if isinstance(o, sealing.Secret):
            return {"__type__": SEALED, "__value__": sealing.encrypt(to_json(o.value))}
        if isinstance(o, sealing.Locked):
            return {"__type__": SEALED, "__value__": o.token}
        return super().default(o)

    def encode(self, o: Any) -> str:
        if type(o) in sealing.WHOLE:
            return super().encode(_whole(o))
        text = super().encode(o)
        if "e+" in text or "-0.0" in text:  # as such floats are written, and little else
            return super().encode(faithful.marked(o))
        return text


def _whole(value: Any) -> Any:
    """Return what is encrypted as a whole as the token it was read from, or as a plain secret."""
    if isinstance(value, sealing.Secret):
        return value
    plain = list(value) if isinstance(value, list) else dict(value)
    origin = value.origin
    if origin is not None and origin.text == to_json(plain):
        return sealing.Locked(origin.token)
    return sealing.Secret(plain)


class Decoder(json.JSONDecoder):
    """
    Celery's JSON decoder, which restores a little more.

    Floats that ``jsonb`` would turn into integers, lengths of time, and which of two equal
    hours of a local clock is meant.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(object_hook=_restore, **options)


class Loader(json.JSONDecoder):
    """The same for what is on its way to be stored: what is encrypted stays so."""

    def __init__(self, **options: Any) -> None:
        super().__init__(object_hook=_restore_or_keep, **options)


def _restore_or_keep(value: dict[str, Any]) -> Any:
    if value.keys() == {"__type__", "__value__"} and value["__type__"] == SEALED:
        return sealing.Locked(value["__value__"])
    return _restore(value)


def _restore(value: dict[str, Any]) -> Any:
    restore = OURS.get(value["__type__"]) if value.keys() == {"__type__", "__value__"} else None
    return restore(value["__value__"]) if restore else object_hook(value)


def _later(value: Any) -> Any:
    return value.replace(fold=1)


def _length_of_time(value: Any) -> timedelta:
    days, seconds, microseconds = value
    return timedelta(days, seconds, microseconds)


def _unsealed(token: str) -> Any:
    try:
        text = sealing.decrypt(token)
    except ImproperlyConfigured as error:
        return sealing.Locked(token, str(error))
    value = from_json(text)
    origin = sealing.Origin(token, text)
    if isinstance(value, str):
        return sealing.SealedText(value, origin)
    if not isinstance(value, list | dict):
        return value  # nothing can be noted with it
    marked = sealing.sealed(value)
    marked.origin = origin
    return marked


#: What is marked in JSON by us, and how it is restored.
OURS: dict[Any, Callable[[Any], Any]] = {
    "float": float,
    SEALED: _unsealed,
    "fold": _later,
    "timedelta": _length_of_time,
    instances.MARK: instances.of_json,
}

#: What a decoder raises for a mark that nobody writes, such as a time that is none.
MALFORMED = (ValueError, TypeError, AttributeError, ArithmeticError, RecursionError)


#: What makes a reference of a model instance, or raises ``ValueError``.
Refer = Callable[[Model], Any]


def pack(value: Any, refer: Refer | None = None) -> Any:
    """
    Return ``value`` as a tree that JSON brings back as it went, or raise :class:`Unfit`.

    Model instances are refused without ``refer``, which makes references of them.
    """
    if value is None or value is True or value is False:
        return value
    kind = type(value)  # not isinstance(), which believes a lazy object
    if issubclass(kind, str):
        return unfit.text(value)
    if issubclass(kind, float):
        return unfit.number(value)
    if issubclass(kind, list | tuple):
        return [_inner(item, index, refer) for index, item in enumerate(value)]
    if issubclass(kind, Mapping):
        return _mapping(value, refer)
    if issubclass(kind, LazyObject):
        return pack(unwrap(value), refer)
    if issubclass(kind, Model):  # before kombu, which a project may have taught to read instances
        return _instance(value, refer)
    return value if kind is timedelta else unfit.scalar(value)


def _inner(value: Any, place: int | str, refer: Refer | None = None) -> Any:
    try:
        return pack(value, refer)
    except Unfit as found:
        raise found.within(f"[{place!r}]") from None


def _instance(value: Model, refer: Refer | None) -> Any:
    if refer is None:
        raise Unfit(f"a {type(value).__qualname__}")
    try:
        return refer(value)
    except ValueError as error:
        raise Unreferable(str(error)) from None


def _mapping(value: Mapping[Any, Any], refer: Refer | None) -> dict[str, Any]:
    if type(value) is instances.Reference:  # of arguments that have been packed before
        return value
    if not isinstance(value, dict):
        raise Unfit(f"a {type(value).__qualname__}")
    if type(value) is not dict and not faithful.is_whole(value):
        raise Unfit(
            f"a {type(value).__qualname__}, which does not tell all it holds; pass a plain dict"
        )
    if value.keys() == {"__type__", "__value__"}:
        raise Unfit("a dict with just the keys '__type__' and '__value__', which JSON decodes")
    for key in value:
        if not isinstance(key, str):
            raise Unfit(f"a dict with the key {key!r}, which is not text")
    return {_inner(key, key): _inner(item, key, refer) for key, item in value.items()}


_encoder, _decoder = Encoder(), Decoder()


def to_json(value: Any) -> str:
    """Return the text that the database stores for a packed ``value``."""
    return _encoder.encode(value)


def from_json(text: str) -> Any:
    """Return the value of what a database has stored; ``JSONDecodeError``: it is no JSON."""
    return _decoder.decode(text)


def round_trip(packed: Any) -> Any:
    """Return what a worker would read for a packed value."""
    return from_json(to_json(packed))


def loaded(text: str) -> Any:
    """Return what a column of JSON holds; arguments with references are marked as such."""
    value = from_json(text)
    return instances.signed(value) if instances.SIGN in text else value


def tree(value: Any) -> Any:
    """Return ``value`` as it is stored: as what any JSON decoder reads."""
    return json.loads(to_json(value))


def restored(stored: Any) -> Any:
    """
    Return the value of a :func:`tree`; what is a value already stays as it is.

    What is encrypted stays so, with the key or without: it is on its way to be stored.
    """
    if sealing.is_sealed(stored):
        return stored
    if isinstance(stored, list):
        return [restored(item) for item in stored]
    if isinstance(stored, dict):
        return _restore_or_keep({key: restored(item) for key, item in stored.items()})
    return stored
