"""
What must not be read: values of arguments that are declared ``sensitive``.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

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
    given = {**named, **kwargs}
    shown = {text for name in task.sensitive for text in _texts(given.get(name))}
    return tuple(sorted(shown, key=len, reverse=True))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield from _spellings(value)
        return
    if value is None or isinstance(value, bool):
        return
    for text in [str(value), *_held(value)]:
        if len(text) >= LONG_ENOUGH:
            yield from _spellings(text)


def _held(value: Any) -> Iterator[str]:
    """Yield what ``value`` holds, at whatever depth, as text; names are no secrets."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Mapping):
            waiting += one.values()
        elif isinstance(one, CONTAINERS):
            waiting += one
        elif isinstance(one, bytes):
            yield one.decode(errors="replace")
        elif one is not None and not isinstance(one, bool):
            yield str(one)


def _spellings(text: str) -> set[str]:
    """Return ``text`` as it is, and as it stands in the messages of many errors; none if empty."""
    return {text, repr(text)[1:-1]} - {""}


def masked(text: str, values: Iterable[str]) -> str:
    """Return ``text`` without these values."""
    for value in values:
        text = text.replace(value, MASK)
    return text
