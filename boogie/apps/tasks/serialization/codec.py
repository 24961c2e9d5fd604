"""
Celery's JSON both ways, and what it does not bring back.
"""

import json
import math
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from kombu.utils.json import JSONEncoder, dumps, loads, object_hook


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


#: The ways to tell one's items that leave nothing out.
WHOLE = (dict.items, OrderedDict.items)


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
    if type(value).items not in WHOLE:
        raise Unfit(
            f"a {type(value).__qualname__}, whose items() may leave values out; pass a plain dict"
        )
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


def plain(value: Any) -> Any:
    """Return a stored value as the JSON that it is stored as."""
    with suppress(Unfit):  # what a project has stored by save() may be
        value = pack(value)
    return json.loads(to_json(value))


def round_trip(packed: Any) -> Any:
    """Return what a worker would read for a packed value."""
    return json.loads(to_json(packed), cls=Decoder)
