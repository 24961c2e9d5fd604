"""
Kinds of settings: what each accepts, how it is read, and what is wrong with what it refuses.
"""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic, TypeVar

T = TypeVar("T")
DAY = 24 * 3600.0
#: Databases reckon with times so long before and after now.
CENTURY = 100 * 366 * DAY
#: Seconds that ended rows are kept, for each outcome; ``None`` keeps them for ever.
RETENTION: dict[str, float | None] = {
    "finished": 30 * DAY,
    "failed": 90 * DAY,
    "cancelled": 30 * DAY,
}
#: A key of Fernet: 32 bytes in URL-safe base64.
KEY_LENGTH = 44
KEY = re.compile(r"[A-Za-z0-9_-]{43}=")
#: Names of levels of logging.
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def seconds(value: float | timedelta) -> float:
    """Take a number of seconds or a ``timedelta``; return seconds."""
    return value.total_seconds() if isinstance(value, timedelta) else float(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


@dataclass(frozen=True)
class Kind(Generic[T]):
    """What a setting accepts: a predicate with its description, and how to read it."""

    expected: str

    def accepts(self, value: Any) -> bool:
        """Return whether a value is one."""
        raise NotImplementedError

    def read(self, value: Any) -> T:
        """Return an accepted value as the setting is read."""
        raise NotImplementedError

    def fault(self, value: Any) -> str:
        """Return what is wrong with a value, to be put behind what is expected."""
        return f", not {value!r}"


class _Seconds(Kind[float]):
    def accepts(self, value: Any) -> bool:
        if not _is_number(value) and not isinstance(value, timedelta):
            return False
        return 0 < seconds(value) <= CENTURY

    def read(self, value: Any) -> float:
        return seconds(value)


class _Count(Kind[int]):
    def accepts(self, value: Any) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and value >= 0

    def read(self, value: Any) -> int:
        return int(value)


class _Flag(Kind[bool]):
    def accepts(self, value: Any) -> bool:
        return isinstance(value, bool)

    def read(self, value: Any) -> bool:
        return bool(value)


class _Path(Kind[str | None]):
    def accepts(self, value: Any) -> bool:
        return value is None or (isinstance(value, str) and bool(value))

    def read(self, value: Any) -> str | None:
        return None if value is None else str(value)


class _Secret(_Path):
    """Nobody is to read a value, not even one that is wrong."""

    def accepts(self, value: Any) -> bool:
        return super().accepts(value) and (value is None or value == value.strip())

    def fault(self, value: Any) -> str:
        if not isinstance(value, str):
            return f", not {type(value).__name__}"
        return "; it has white space around it" if value.strip() else "; it is empty"


class _Version(_Path):
    def accepts(self, value: Any) -> bool:
        return value is None or (isinstance(value, str) and 0 < len(value) <= 100)


class _Keys(Kind[tuple[str, ...]]):
    def accepts(self, value: Any) -> bool:
        return isinstance(value, list | tuple) and not any(map(self._wrong, value))

    def read(self, value: Any) -> tuple[str, ...]:
        return tuple(value)

    def fault(self, value: Any) -> str:
        """Nobody is to read a key, not even one that is wrong."""
        if not isinstance(value, list | tuple):
            return f", not {type(value).__name__}"
        number, wrong = next((n, w) for n, w in enumerate(map(self._wrong, value), 1) if w)
        return f"; key {number} of {len(value)} {wrong}"

    @staticmethod
    def _wrong(key: Any) -> str:
        """Return what is wrong with one key; empty if nothing is."""
        if not isinstance(key, str):
            return f"is {type(key).__name__}, not text"
        if len(key) != KEY_LENGTH:
            return f"has {len(key)} characters, not {KEY_LENGTH}"
        return "" if KEY.fullmatch(key) else "is no URL-safe base64 of 32 bytes"


class _Level(_Path):
    def accepts(self, value: Any) -> bool:
        return value is None or value in LEVELS


class _Paths(Kind[tuple[str, ...]]):
    def accepts(self, value: Any) -> bool:
        return isinstance(value, list | tuple) and all(
            isinstance(path, str) and "." in path for path in value
        )

    def read(self, value: Any) -> tuple[str, ...]:
        return tuple(value)


class _Choice(_Path):
    """One of the words that ``expected`` quotes."""

    def accepts(self, value: Any) -> bool:
        return isinstance(value, str) and f"{value!r}" in self.expected.split()


class _Retention(Kind[dict[str, float | None]]):
    def accepts(self, value: Any) -> bool:
        return (
            isinstance(value, dict)
            and value.keys() <= RETENTION.keys()
            and all(v is None or SECONDS.accepts(v) for v in value.values())
        )

    def read(self, value: Any) -> dict[str, float | None]:
        given = {k: None if v is None else seconds(v) for k, v in value.items()}
        return {**RETENTION, **given}


SECONDS = _Seconds("a positive number of seconds or a timedelta, of a hundred years at most")
COUNT = _Count("a whole number, 0 or more")
FLAG = _Flag("True or False")
SECRET = _Secret("text, or None")
PATH = _Path("a dotted path such as 'proj.celery.app', or None")
FILE = _Path("a path such as '/run/boogie/%n', or None")
VERSION = _Version("text of 1 to 100 characters, or None")
KEYS = _Keys("a list of keys as text, as cryptography.fernet.Fernet.generate_key() makes them")
PATHS = _Paths("a list of dotted paths such as 'proj.contexts.Shop'")
TRACE = _Choice("either 'parent' or 'link'")
LEVEL = _Level("a level of logging such as 'INFO', or None")
RETENTIONS = _Retention(
    "a dict whose keys are among 'finished', 'failed' and 'cancelled' and whose values "
    "are seconds, a timedelta, or None to keep rows for ever"
)
