"""
What a worker goes without for the moment, and fetches as soon as it can take more.
"""

from collections.abc import Iterable

from boogie.apps.tasks.broker import requests

from .channel import KINDS, NOTHING, Channel, Kinds

#: Seconds for which who is full leaves to others what has just come, where nobody is told of it.
#: They look at least as often, and who is full would keep it from them for a while.
YOUNG = 1.0


class Appetite:
    """Why there may be more than was taken."""

    def __init__(self) -> None:
        #: Kinds of which the last fetch brought as many as were asked for.
        self.hungry = NOTHING
        #: Whether a look was left out, since there was no room for what it might have found.
        self.is_blind = False
        #: Whether what has just come was left to others, since nothing more could begin here.
        self.is_shy = False

    @property
    def has_enough(self) -> bool:
        """Whether others are to be told of what comes, and not this worker."""
        return bool(self.hungry) or self.is_blind

    @property
    def waits(self) -> bool:
        """Whether something is to be fetched as soon as there is room, without another look."""
        return self.has_enough or self.is_shy

    def wanted(self, consumers: Iterable[Channel]) -> Kinds:
        """
        Return what is to be fetched now.

        Of what there is more, once half of the prefetch is free; what was left to others, at once.
        """
        if self.has_enough and any(one.is_half_empty for one in consumers):
            return KINDS if self.is_blind else self.hungry
        if self.is_shy and not requests.is_full() and any(one.has_place for one in consumers):
            return KINDS
        return NOTHING

    def age(self, consumers: Iterable[Channel], is_told: bool) -> float:
        """
        Return for how many seconds something has to have waited that is taken now.

        Where there is more than one can take there is something for others, too.
        """
        is_alone = is_told or self.hungry or not requests.is_full()
        self.is_shy = not is_alone and any(requests.serves_any(c.table_queues) for c in consumers)
        return YOUNG if self.is_shy else 0.0
