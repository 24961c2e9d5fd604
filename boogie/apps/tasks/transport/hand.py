"""
What a consumer has in hand: reserved, and not acknowledged.

Rows that wait here for a process while others are idle are offered to those: the claim decides
who begins one.
"""

import time
from collections import deque
from collections.abc import Iterable
from typing import Any

from boogie.apps.tasks.broker import requests
from boogie.apps.tasks.models import Message, Task

from . import settling
from .delivery import Reserved

#: Seconds for which rows are kept from other workers that no process here has begun.
KEPT = 0.75

Kind = type[Task] | type[Message]


class Hand:
    """What it is, by delivery tag."""

    def __init__(self) -> None:
        #: A Task or a Message, and its pk; ``None``: it was given back.
        self._held: dict[str, tuple[Kind, Any]] = {}
        #: Rows that were given back, and may be begun here all the same.
        self._offered: dict[str, str] = {}
        #: Until when rows are kept, with their tags: the oldest ones first.
        self._kept: deque[tuple[float, list[str]]] = deque()

    def take(self, kind: Kind, reserved: list[Reserved]) -> list[dict[str, Any]]:
        """Note what was reserved; return the messages of what does not wait here already."""
        if kind is Task:
            reserved = self._new(reserved)
        self._held.update({one.tag: (kind, one.key) for one in reserved})
        if kind is Task and reserved:
            self._kept.append((time.monotonic() + KEPT, [one.tag for one in reserved]))
        return [one.message for one in reserved]

    def _new(self, reserved: list[Reserved]) -> list[Reserved]:
        """Leave out rows that have waited so long that they were reserved anew: they run once."""
        here = {key for kind, key in self._held.values() if kind is Task}
        if here.isdisjoint(one.key for one in reserved):
            return reserved
        begun = requests.begun()  # it may have been queued again, and not be acknowledged yet
        return [one for one in reserved if one.key not in here or str(one.key) in begun]

    def tags(self) -> set[str]:
        """Return the tags of all there is."""
        return set(self._held)

    def settle(self, tag: str, again: bool) -> bool:
        """Be done with a message, or have it given out again; return whether it is of a table."""
        kind, key = self._held.pop(tag, (None, None))
        self._offered.pop(tag, None)
        if kind is Message:
            settling.settle(key, again)
        elif again and key:
            settling.release([key])
        return kind is not None

    # --- rows that wait for a process -------------------------------------------------

    @property
    def keeps(self) -> bool:
        """Whether there may be rows that are to be offered in a while."""
        return bool(self._kept)

    @property
    def waits(self) -> bool:
        """Whether a row that was offered still waits here for a process."""
        if not self._offered:
            return False
        begun = requests.begun()
        self._offered = {tag: key for tag, key in self._offered.items() if key not in begun}
        return bool(self._offered) and requests.is_busy()

    def offer_late(self) -> bool:
        """
        Let others have the rows that have waited too long, while all processes are busy.

        Return whether there were any.
        """
        now, late = time.monotonic(), list[str]()
        while self._kept and self._kept[0][0] <= now:
            late += (tag for tag in self._kept.popleft()[1] if tag in self._held)
        if late and requests.is_busy():
            begun = requests.begun()
            return self._offer(tag for tag in late if str(self._held[tag][1]) not in begun)
        if late:  # it is something else that they wait for
            self._kept.append((now + KEPT, late))
        return False

    def offer_all(self) -> None:
        """Let others have all rows."""
        self._offer(tag for tag, (kind, _key) in self._held.items() if kind is Task)

    def _offer(self, tags: Iterable[str]) -> bool:
        keys = {tag: key for tag in tags if (key := self._held[tag][1])}
        if keys:
            settling.release(list(keys.values()))
            self._held.update(dict.fromkeys(keys, (Task, None)))
            self._offered.update({tag: str(key) for tag, key in keys.items()})
        return bool(keys)
