"""
Something that a keeper does every so often.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import Error

from boogie.apps.tasks.broker.fleet import luck
from boogie.apps.tasks.db.connections import drop_all
from boogie.apps.tasks.execution import errors
from boogie.apps.tasks.serialization.carried import untraced

logger = logging.getLogger(__name__)

#: What a step comes to that went wrong; and one that the database would not let be done.
FAILED, REFUSED = object(), object()


def never(result: Any) -> bool:
    """Have a step done at its time, whatever it came to."""
    return False


@dataclass
class Step:
    """
    What is to be done, and when it is to be done again.

    ``every``: seconds, asked for anew at each look. ``at_once``: whether the step is to be
    done again at the next look, told by what it came to. ``at_most``: of a step that workers
    share, up to how many seconds the pause grows, on average, the more of them there are.
    """

    do: Callable[[], Any]
    every: Callable[[], float]
    at_once: Callable[[Any], bool] = never
    at_most: float = 0.0
    #: When it was done; ``None``: it is to be done at the next look.
    _last: float | None = None
    _luck: float = 1.0

    def look(self, share: float = 1.0) -> None:
        """Do it if its time has come; ``share``: by how much this worker may do it less often."""
        now = time.monotonic()
        if self._last is None or now >= self._last + self._pause(share):
            self._last = None if self.at_once(guarded(self.do)) else now
            self._luck = luck()

    def _pause(self, share: float) -> float:
        pause = self.every()
        if share <= 1.0 or self.at_most <= pause:
            return pause
        return max(pause, min(pause * share, self.at_most) * self._luck)

    def hurry(self) -> None:
        """Have it done at the next look."""
        self._last = None


def went_wrong(result: Any) -> bool:
    """Return whether a step failed."""
    return result is FAILED or result is REFUSED


def found(enough: int) -> Callable[[Any], bool]:
    """Return a predicate: whether a step found ``enough`` to go on without a pause."""
    return lambda result: not went_wrong(result) and result >= enough


@untraced
def guarded(action: Callable[[], Any]) -> Any:
    """
    Do something; the keeper outlives whatever goes wrong in it.

    Hooks of users may be called in it, and raise what is no ``Exception``.
    """
    try:
        return action()
    except Error as error:
        logger.warning("The keeper cannot ask the database, it tries again: %s", error)
        drop_all()
        return REFUSED
    except BaseException as error:
        if errors.ends_the_process(error):
            raise
        logger.exception("The keeper failed at %r", action)
        return FAILED
