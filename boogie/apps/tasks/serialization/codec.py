"""
Celery's JSON both ways, and what it does not bring back.
"""

import json
import math
from collections.abc import Callable, Mapping
from datetime import datetime, time, timedelta
from typing import Any

from django.utils.functional import LazyObject
from kombu.utils.json import JSONEncoder, dumps, loads, object_hook

from .references import unwrap


class Encoder(JSONEncoder):
    """
    Celery's (kombu's) JSON encoder, which knows a little more.

    It marks floats that ``jsonb`` would make integers, and lengths of time.
    """

    def default(self, o: Any) -> Any:
        if isinstance(o, timedelta):
            exact = [o.days, o.seconds, o.microseconds]
            return {"__type__": "timedelta", "__value__": exact}
        return super().default(o)

    def encode(self, o: Any) -> str:
        text = super().encode(o)
        if "e+" in text or "-0.0" in text:  # as such floats are written, and little else
            return super().encode(_marked(o))
        return text


def _in_jsonb_another(value: float) -> bool:
    return abs(value) >= 1e16 or math.copysign(1, value) < 0


def _marked(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer() and _in_jsonb_another(value):
        return {"__type__": "float", "__value__": float.__repr__(value)}
    if isinstance(value, list | tuple):
        return [_marked(item) for item in value]
    if isinstance(value, dict):
        return {key: _marked(item) for key, item in value.items()}
    return value


class Decoder(json.JSONDecoder):
    """
    Celery's JSON decoder, which restores a little more.

    Floats that ``jsonb`` would turn into integers, lengths of time, and which of two equal
    hours of a local clock is meant.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(object_hook=_restore, **options)


def _restore(value: dict[str, Any]) -> Any:
    restore = OURS.get(value["__type__"]) if value.keys() == {"__type__", "__value__"} else None
    return restore(value["__value__"]) if restore else object_hook(value)


def _later(value: Any) -> Any:
    return value.replace(fold=1)


def _length_of_time(value: Any) -> timedelta:
    days, seconds, microseconds = value
    return timedelta(days, seconds, microseconds)


#: What is marked in JSON by us, and how it is restored.
OURS: dict[Any, Callable[[Any], Any]] = {
    "float": float,
    "fold": _later,
    "timedelta": _length_of_time,
}

#: What a decoder raises for a mark that nobody writes, such as a time that is none.
MALFORMED = (ValueError, TypeError, AttributeError, ArithmeticError, RecursionError)


class Unfit(Exception):
    """Internal: a value that JSON would not bring back; ``path`` grows on the way up."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.path = ""

    @property
    def placed(self) -> str:
        """The reason, with where in the value it is."""
        return f"at {self.path} {self}" if self.path else str(self)

    def within(self, step: str) -> "Unfit":
        """Put ``step`` in front of the path, and return the error to be raised again."""
        self.path = step + self.path
        return self


def pack(value: Any) -> Any:
    """Return ``value`` as a tree that JSON brings back as it went, or raise :class:`Unfit`."""
    if value is None or value is True or value is False:
        return value
    kind = type(value)  # not isinstance(), which believes a lazy object
    if issubclass(kind, str):
        return _text(value)
    if issubclass(kind, float):
        return _float(value)
    if issubclass(kind, list | tuple):
        return [_inner(item, f"[{index}]") for index, item in enumerate(value)]
    if issubclass(kind, Mapping):
        return _mapping(value)
    if issubclass(kind, LazyObject):
        return pack(unwrap(value))
    return value if kind is timedelta else _scalar(value)


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


def _float(value: float) -> float:
    if not math.isfinite(value):
        raise Unfit(f"the float {value!r}")
    return value


def _mapping(value: Mapping[Any, Any]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Unfit(f"a {type(value).__qualname__}")
    if type(value) is not dict and not _is_whole(value):
        raise Unfit(
            f"a {type(value).__qualname__}, which does not tell all it holds; pass a plain dict"
        )
    if value.keys() == {"__type__", "__value__"}:
        raise Unfit("a dict with just the keys '__type__' and '__value__', which JSON decodes")
    for key in value:
        if not isinstance(key, str):
            raise Unfit(f"a dict with the key {key!r}, which is not text")
        _inner(key, f"[{key!r}]")
    return {key: _inner(item, f"[{key!r}]") for key, item in value.items()}


def _is_whole(value: dict[Any, Any]) -> bool:
    """Return whether a subclass tells just what it holds, by its items and one by one."""
    held = dict.copy(value)
    ways = dict(value.items()), {key: value[key] for key in value}
    return all(
        told.keys() == held.keys() and all(told[key] is held[key] for key in held) for told in ways
    )


def _scalar(value: Any) -> Any:
    try:
        back = loads(dumps(value))
        differs = not isinstance(value, type(back)) or not _equal(back, value)
    except Exception:  # comparing may raise too: a signalling NaN does
        raise Unfit(f"a {type(value).__qualname__}") from None
    if differs:
        raise Unfit(f"a {type(value).__qualname__} ({value!r:.80})")
    if getattr(value, "fold", 0) and value.tzinfo is None:
        return {"__type__": "fold", "__value__": value}
    return value


def _equal(back: Any, value: Any) -> bool:
    if isinstance(value, datetime | time):
        # In an hour that a clock shows twice no two zones are equal to Python; and a zone whose
        # offset depends on the day leaves no trace in a time alone.
        has_zone = back.tzinfo is not None
        return back.isoformat() == value.isoformat() and has_zone == (value.tzinfo is not None)
    return bool(back == value)


def to_json(value: Any) -> str:
    """Return the text that the database stores for a packed ``value``."""
    return json.dumps(value, cls=Encoder)


def round_trip(packed: Any) -> Any:
    """Return what a worker would read for a packed value."""
    return json.loads(to_json(packed), cls=Decoder)


def tree(value: Any) -> Any:
    """Return ``value`` as it is stored: as what any JSON decoder reads."""
    return json.loads(to_json(value))


def restored(stored: Any) -> Any:
    """Return the value of a :func:`tree`; what is a value already stays as it is."""
    if isinstance(stored, list):
        return [restored(item) for item in stored]
    if isinstance(stored, dict):
        return _restore({key: restored(item) for key, item in stored.items()})
    return stored
