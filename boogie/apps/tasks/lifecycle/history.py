"""
What is kept of the errors of a row with many attempts. No statements.

A row is rewritten whole by each attempt that fails; and a statement has its limits.
"""

from typing import Any

from boogie.apps.tasks.db.updating.dated import NOW, Dated
from boogie.apps.tasks.exceptions import Expired
from boogie.apps.tasks.serialization.sealing import SealedText, Secret

Entry = dict[str, Any]

#: Why a row is cancelled that nobody has started in time, and the entry that says so.
EXPIRED = Expired("nobody had started the row by the time that it expires")
_EXPIRED_TYPE = f"{Expired.__module__}.{Expired.__qualname__}"
EXPIRED_ENTRY: Entry = {
    "attempt": 0,
    "type": _EXPIRED_TYPE,
    "message": str(EXPIRED),
    "traceback": f"{_EXPIRED_TYPE}: {EXPIRED}\n",
    "worker": "",
}

#: Entries that are kept of very many: the first and the last.
FIRST, LAST = 10, 40
#: Characters that are kept of a message or traceback: of the last attempt, and of those before.
MAX_TEXT, MAX_EARLIER_TEXT = 100_000, 5_000
#: Half of what the note in the middle of a text may take: one that was cut is cut no more.
ROOM = 30


def joined(errors: list[Entry], error: Entry, *more: Entry) -> Dated:
    """
    Return ``errors`` and ``error``, and what came of that, dated by the database.

    Without the middle of very many, and of long texts of earlier ones.
    """
    fresh = [{**entry, "at": NOW} for entry in (error, *more)]
    if len(errors) + len(fresh) > FIRST + LAST:
        errors = [*errors[:FIRST], *errors[len(fresh) - LAST :]]
    return Dated([*map(_shortened, errors), *fresh])


def _shortened(entry: Entry) -> Entry:
    return {key: _earlier(value) for key, value in entry.items()}


def _earlier(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    text = cut(value, MAX_EARLIER_TEXT)
    return Secret(text) if isinstance(value, SealedText) else text


def cut(text: str, limit: int) -> str:
    """Return ``text``, without its middle if it has more than ``limit`` characters."""
    if len(text) <= limit:
        return text
    half = limit // 2 - ROOM
    return f"{text[:half]}\n… {len(text) - 2 * half} characters left out …\n{text[-half:]}"


def fit(text: str, most: int) -> str:
    """Return ``text`` without what a database refuses, cut in the middle if it is huge."""
    text = cut(text, most).replace("\0", "\\x00")
    return text.encode("utf-8", "backslashreplace").decode()
