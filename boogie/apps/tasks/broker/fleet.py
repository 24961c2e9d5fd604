"""
How many workers share what is to be looked for: the more there are, the less often each looks.

Together they look as often as a few would. There is no leader whom anybody could miss: each looks,
at a time that chance has a say in.
"""

import math
import random
import time

#: So many look as often as each would by itself.
FEW = 4
#: Seconds for which a worker of ``boogie://`` is notified that says so.
LISTEN_FOR = 30.0


class Fleet:
    """What the last heartbeat of this process's worker has told of workers with its queues."""

    def __init__(self) -> None:
        #: How many live; how many of them could begin more; and those of the latter that wait to
        #: be notified, on PostgreSQL.
        self.alike, self.with_room, self.waiting = 1, 1, 1
        #: Whether heartbeats are to say that this worker waits, and when one last has.
        self.listens, self.told = False, -math.inf
        self._noted = -math.inf
        #: When the row of this process's worker was made: at its start, or since it had been lost.
        self.entered = -math.inf

    def note(self, alike: int, with_room: int, waiting: int) -> None:
        """Note how many there are."""
        self.alike, self.with_room, self.waiting = alike, with_room, waiting
        self._noted = time.monotonic()
        if self.listens:
            self.told = self._noted

    def is_old(self, seconds: float) -> bool:
        """Return whether what is known is older than so many seconds."""
        return time.monotonic() > self._noted + seconds


fleet = Fleet()


def share(workers: int) -> float:
    """Return by how much one of so many workers may look less often."""
    return max(1.0, workers / FEW)


def luck() -> float:
    """
    Return a factor for a pause, by chance, on average 1.

    It remembers nothing: those that began together do not look together for that, and pause
    together.
    """
    return random.expovariate(1.0)
