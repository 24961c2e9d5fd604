"""
What JSON would not bring back as it went: refused in words. Single values, one by one.
"""

import math
from collections.abc import Generator, KeysView, Set, ValuesView
from typing import Any

from django.db.models import QuerySet
from kombu.utils.json import dumps, loads

from . import faithful

#: What is often given where a list is meant.
LISTABLE = (Set, KeysView, ValuesView, Generator, range, QuerySet)


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


class Unreferable(Unfit):
    """Internal: a model instance that no worker would find; the reason tells nothing of it."""


def text(value: str) -> str:
    """Return text that every database stores, or raise :class:`Unfit`."""
    if "\0" in value:
        raise Unfit("text with a NUL character")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise Unfit("text with a lone surrogate") from None
    return value


def number(value: float) -> float:
    """Return a number that JSON has, or raise :class:`Unfit`."""
    if not math.isfinite(value):
        raise Unfit(f"the float {value!r}")
    return value


def _advice(value: Any) -> str:
    return "; list() makes a list of it" if isinstance(value, LISTABLE) else ""


def scalar(value: Any) -> Any:
    """Return a single value of another type, if kombu brings it back, or raise :class:`Unfit`."""
    try:
        back = loads(dumps(value))
        differs = not isinstance(value, type(back)) or not faithful.is_equal(back, value)
    except Exception:  # comparing may raise too: a signalling NaN does
        raise Unfit(f"a {type(value).__qualname__}{_advice(value)}") from None
    if differs:
        raise Unfit(f"a {type(value).__qualname__} ({value!r:.80})")
    if getattr(value, "fold", 0) and value.tzinfo is None:
        return {"__type__": "fold", "__value__": value}
    return value
