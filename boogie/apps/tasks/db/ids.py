"""
Ids of rows: UUIDs in the order of time.
"""

import os
import threading
import time
import uuid
from datetime import datetime
from typing import Any

from .moments import in_utc

_lock = threading.Lock()

_last = 0


def uuid7_block() -> uuid.UUID:
    """
    Return the first of 2³² ids that nobody else makes: this one plus 0, 1, 2, ….

    For many rows made at once: they are told apart from all others by two
    bounds. Of the 62 random bits 30 are random and 32 count.
    """
    first = uuid7().int
    return uuid.UUID(int=first >> 32 << 32)


def uuid7() -> uuid.UUID:
    """
    Return a time-ordered UUID (RFC 9562, version 7).

    48 bits of Unix milliseconds, 12 bits of the fraction of that millisecond,
    62 random bits. Within one process each is greater than the one before.
    """
    global _last
    ticks = time.time_ns() * 4096 // 1_000_000
    with _lock:
        _last = ticks = max(ticks, _last + 1)
    value = (ticks >> 12) << 80 | 0x7 << 76 | (ticks & 0xFFF) << 64
    value |= 0b10 << 62 | int.from_bytes(os.urandom(8), "big") >> 2
    return uuid.UUID(int=value)


def last() -> int:
    """Return a number that another one takes the place of with every id that is made here."""
    return _last


def first_at(moment: datetime) -> uuid.UUID:
    """Return an id below all that are made from this moment on, and above those from before."""
    milliseconds = int(in_utc(moment).timestamp() * 1000)
    return uuid.UUID(int=max(0, milliseconds) << 80)  # nothing was made before 1970


def is_of_a_row(task_id: str) -> bool:
    """Return whether an id is spelled as those of rows are: by no other is a run known here."""
    key = key_of(task_id)
    return key is not None and str(key) == task_id


def key_of(task_id: Any) -> uuid.UUID | None:
    """Return the primary key that an id of Celery's may be of a row; ``None``: it is of none."""
    try:
        return uuid.UUID(str(task_id))
    except ValueError:
        return None
