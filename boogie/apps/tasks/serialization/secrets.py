"""
What must not be read: values of arguments that are declared ``sensitive``.
"""

import json
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import date, time, timedelta
from enum import Enum
from inspect import Parameter, signature
from typing import Any
from urllib.parse import quote, quote_plus
from uuid import UUID

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Model

from .instances import Reference
from .references import object_key

MASK = "••••"

#: What is shorter, and no text, is hidden in its argument alone: every 7 would be masked.
LONG_ENOUGH = 4

CONTAINERS = (list, tuple, set, frozenset)


def hidden(task: Any, args: Iterable[Any], kwargs: dict[str, Any]) -> tuple[str, ...]:
    """
    Return the values, as text, that are not to be shown of a call; ``args`` has the object.

    What they hold is hidden as well, and text also as Python quotes it.
    """
    if not task.sensitive:
        return ()
    named: dict[str, Any] = {}
    with suppress(IndexError):  # the function takes fewer than when the row was made
        for position, value in enumerate(args):
            named[task.parameter(position)] = value
    given = {**_defaults(task), **named, **kwargs}
    rest = {name: value for name, value in named.items() if "[" in name}
    for name, value in rest.items():  # one of *args
        given.setdefault(name.partition("[")[0], []).append(value)
    shown = {text for name in task.sensitive for text in _texts(given.get(name))}
    return tuple(sorted(shown, key=len, reverse=True))


def _defaults(task: Any) -> dict[str, Any]:
    """Return what sensitive arguments are that nobody gives."""
    found = signature(type(task).run, follow_wrapped=False).parameters.values()
    return {
        one.name: one.default
        for one in found
        if one.name in task.sensitive and one.default is not Parameter.empty
    }


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield from _spellings(str.__str__(value))  # however short
    for one in _held(value):
        for text in _forms(one):
            if len(text) >= LONG_ENOUGH:
                yield from _spellings(text)


def _held(value: Any) -> Iterator[Any]:
    """Yield ``value`` and what it holds, at whatever depth; names are no secrets."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if one is None or isinstance(one, bool):
            continue
        if isinstance(one, Reference):
            one = one.key  # the names of models and databases are no secrets
        yield one
        if isinstance(one, Mapping):
            waiting += one.values()
        elif isinstance(one, CONTAINERS):
            waiting += one
        elif isinstance(one, Enum):
            waiting.append(one.value)


def _forms(value: Any) -> Iterator[str]:
    """Yield what ``value`` is in messages of Python and Django, and in JSON of ours."""
    if isinstance(value, Model):
        yield from _forms_of_instance(value)
        return
    yield str(value)
    if type(value) is not str:  # which is quoted, and without quotes, among its spellings
        yield repr(value)
    match value:
        case bytes():
            yield value.decode(errors="replace")
            yield repr(value)[2:-1]
            yield b64encode(value).decode()
        case UUID():
            yield value.hex
        case date() | time() | timedelta():
            if not isinstance(value, timedelta):
                yield value.isoformat()
            with suppress(ValueError):  # a time with a zone is none in Django's JSON
                yield str(DjangoJSONEncoder().default(value))


def _forms_of_instance(value: Model) -> Iterator[str]:
    yield object_key(value)
    with suppress(Exception):  # it is the project's, and asks for whatever it likes
        yield str(value)
        yield repr(value)


def _spellings(text: str) -> set[str]:
    """Return ``text`` as it is, and as it stands in the messages of many errors; none if empty."""
    in_json = {json.dumps(text, ensure_ascii=is_ascii)[1:-1] for is_ascii in (True, False)}
    in_urls = {quote(text), quote(text, safe=""), quote_plus(text)}
    as_bytes = repr(text.encode(errors="replace"))[2:-1]
    return {text, repr(text)[1:-1], as_bytes, *in_json, *in_urls} - {""}


def masked(text: str, values: Iterable[str]) -> str:
    """Return ``text`` without these values."""
    for value in values:
        text = text.replace(value, MASK)
    return text
