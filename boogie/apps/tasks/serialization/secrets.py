"""
What must not be read: values of arguments that are declared ``sensitive``.
"""

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

MASK = "••••"

#: What is shorter, and no text, is hidden in its argument alone: every 7 would be masked.
LONG_ENOUGH = 4


def hidden(task: Any, args: Iterable[Any], kwargs: dict[str, Any]) -> tuple[str, ...]:
    """Return the values, as text, that are not to be shown of a call; ``args`` has the object."""
    if not task.sensitive:
        return ()
    named: dict[str, Any] = {}
    with suppress(IndexError):  # the function takes fewer than when the row was made
        for position, value in enumerate(args):
            named[task.parameter(position)] = value
    given = [{**named, **kwargs}.get(name) for name in task.sensitive]
    shown = {str(value) for value in given if _hides(value)}
    return tuple(sorted(shown, key=len, reverse=True))


def _hides(value: Any) -> bool:
    if isinstance(value, str):
        return bool(value)
    return value is not None and not isinstance(value, bool) and len(str(value)) >= LONG_ENOUGH


def masked(text: str, values: Iterable[str]) -> str:
    """Return ``text`` without these values."""
    for value in values:
        text = text.replace(value, MASK)
    return text
