"""
Which values options can have: those that every row gets.
"""

from collections.abc import Collection
from typing import Any

from boogie.apps.tasks.conf import LEVELS

#: Characters of a column for names.
MAX_NAME = 255


def check_priority(name: str, priority: Any) -> None:
    """Raise ``ValueError`` if a row of the task ``name`` cannot have this priority."""
    if priority is not None and (type(priority) is not int or not 0 <= priority <= 9):
        raise ValueError(f"{name}: priority must be a whole number from 0 to 9, not {priority!r}.")


def check_queue(name: str, queue: Any) -> None:
    """Raise ``ValueError`` if a row of the task ``name`` cannot wait in this queue."""
    if queue is not None and not (isinstance(queue, str) and queue):
        raise ValueError(f"{name}: queue must be a name, not {queue!r}.")
    if queue is not None and not _fits(queue):
        raise ValueError(
            f"{name}: the name of a queue has at most {MAX_NAME} characters, none of them NUL or "
            f"a lone surrogate; it is {queue!r:.80}."
        )


def check_log(name: str, level: Any) -> None:
    """Raise ``ValueError`` if there is no such level; what is no text is an attribute of theirs."""
    if isinstance(level, str) and level not in LEVELS:
        raise ValueError(f"{name}: log must be one of {', '.join(LEVELS)}, not {level!r}.")


def check_sensitive(name: str, sensitive: Any, parameters: Collection[str]) -> None:
    """Raise ``TypeError`` or ``ValueError`` if these are no names of arguments."""
    if isinstance(sensitive, str):
        raise TypeError(f"{name}: sensitive must be a list of names, not {sensitive!r}.")
    for argument in sensitive:
        if argument not in parameters:
            raise ValueError(f"{name}: sensitive names {argument!r}, which is no argument of it.")


def check_names(names: tuple[str, ...]) -> None:
    """Raise ``ValueError`` if a row cannot have one of these names of a task."""
    for name in names:
        if not _fits(name):
            raise ValueError(
                f"{name!r:.300}: the name of a task has at most {MAX_NAME} characters, none of "
                f"them NUL or a lone surrogate."
            )


def _fits(text: str) -> bool:
    is_text = "\0" not in text and text.encode(errors="ignore").decode() == text
    return is_text and len(text) <= MAX_NAME
