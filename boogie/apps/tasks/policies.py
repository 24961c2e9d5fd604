"""
What becomes of the rows of a task when their object is deleted: the words for it.
"""

from typing import Any

#: They stay, and a run fails with ``ObjectGone``; those that wait are cancelled; all go.
KEEP, CANCEL, CASCADE = "keep", "cancel", "cascade"

ALL = (KEEP, CANCEL, CASCADE)


def check(name: str, policy: Any) -> None:
    """Raise ``ValueError`` if there is no such policy."""
    if policy not in ALL:
        known = ", ".join(map(repr, ALL))
        raise ValueError(f"{name}: on_delete must be one of {known}, not {policy!r:.80}.")
