"""
What is kept of the errors of a row with many attempts. No statements.

A row is rewritten whole by each attempt that fails; and a statement has its limits.
"""

from typing import Any

from boogie.apps.tasks.db.fields import NOW, Dated

Entry = dict[str, Any]

#: Entries that are kept of very many: the first and the last.
FIRST, LAST = 10, 40
#: Characters that are kept of a message or traceback: of the last attempt, and of those before.
MAX_TEXT, MAX_EARLIER_TEXT = 100_000, 5_000
#: Half of what the note in the middle of a text may take: one that was cut is cut no more.
ROOM = 30


def joined(errors: list[Entry], error: Entry) -> Dated:
    """
    Return ``errors`` and ``error``, dated by the database.

    Without the middle of very many, and of long texts of earlier ones.
    """
    if len(errors) >= FIRST + LAST:
        errors = [*errors[:FIRST], *errors[-(LAST - 1) :]]
    return Dated([*map(_shortened, errors), {**error, "at": NOW}])


def _shortened(entry: Entry) -> Entry:
    return {
        key: cut(value, MAX_EARLIER_TEXT) if isinstance(value, str) else value
        for key, value in entry.items()
    }


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
