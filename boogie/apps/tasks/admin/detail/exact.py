"""
JSON read and written digit by digit: no number becomes a float on its way to who looks.
"""

import json
from typing import Any

#: What keeps a text from being read as JSON.
UNREADABLE = (ValueError, RecursionError)


class Number(str):
    """A number of JSON, as it is written."""

    __slots__ = ()


def loads(text: str) -> Any:
    """Return the data that ``text`` holds, its numbers as :class:`Number`; of marks, the dicts."""
    return json.loads(text, parse_int=Number, parse_float=Number, parse_constant=Number)


def dumps(value: Any) -> str:
    """Return the JSON of what :func:`loads` read, as it was."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, list):
        return f"[{', '.join(map(dumps, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_text(key)}: {dumps(item)}' for key, item in value.items())}}}"
    return _text(value)


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
