"""
The threads of a keeper, and how they make way for a fork.
"""

import threading
import time
from collections.abc import Callable, Collection
from typing import Any

from . import jobs
from .living import Living

#: Threads that do jobs: a hook that takes long must not hold up the rescue of all other rows.
JOB_THREADS = 2
#: Seconds that the threads get to end what they do; and those for which an event loop may wait.
END_WITHIN, SOON = 10.0, 0.2


class Threads:
    """One that keeps, which is told by an event when to end, and some that do jobs."""

    #: What touches the worker's heartbeat file, if there is one. It holds up nothing, and is the
    #: last to make way: others may hang while the database is away.
    living: Living | None = None

    def __init__(
        self,
        keep: Callable[[threading.Event], None],
        watch: Callable[[threading.Event], None] | None = None,
    ) -> None:
        self._keep, self._watch = keep, watch
        self._keeping: list[threading.Thread] = []
        self._working: list[threading.Thread] = []
        #: Whether they were asked to end.
        self._stopped, self._jobs_stopped = threading.Event(), threading.Event()
        self._stopped.set()
        self._jobs_stopped.set()

    @property
    def has_begun(self) -> bool:
        """Whether there are threads; some may have been asked to end."""
        return bool(self._keeping)

    @property
    def are_complete(self) -> bool:
        """Whether all that there should be run."""
        return not self._stopped.is_set() and not self._jobs_stopped.is_set()

    def begin(self) -> None:
        """Begin the threads, or those of them that were asked to end."""
        if self._stopped.is_set():
            self._stopped = threading.Event()
            self._keeping = self._begin_to_keep()
        if self._jobs_stopped.is_set():
            self._jobs_stopped = threading.Event()
            self._working = self._begin_to_work(JOB_THREADS)
        if self.living is not None:
            self.living.begin()

    @property
    def has_died(self) -> bool:
        """Whether a thread has ended that was not asked to."""
        expected = [] if self._stopped.is_set() else self._keeping
        expected = expected if self._jobs_stopped.is_set() else expected + self._working
        return not all(thread.is_alive() for thread in expected)

    def revive(self) -> None:
        """Begin threads anew that have died."""
        if not self._stopped.is_set():
            dead = [thread for thread in self._keeping if not thread.is_alive()]
            self._keeping = _living(self._keeping) + self._begin_to_keep({t.name for t in dead})
        if not self._jobs_stopped.is_set():
            self._working = _living(self._working)
            self._working += self._begin_to_work(JOB_THREADS - len(self._working))

    def make_way(self) -> bool:
        """
        End the threads if that takes no time; return whether none is left.

        While a job is done nothing is asked of them: it may take long, and meanwhile
        the others must go on, above all the one that beats.
        """
        if jobs.at_work():
            return False
        self._stop_jobs()
        if _left(self._working, SOON):
            return False
        self._stopped.set()
        if _left(self._keeping, SOON):
            return False
        if self.living is not None:
            self.living.end()
        return True

    def end(self) -> None:
        """End the threads after what they do now; jobs that wait stay for their successors."""
        if not self.has_begun:
            return
        self._stop_jobs()
        self._stopped.set()
        _left(self._keeping + self._working, END_WITHIN)
        if self.living is not None:
            self.living.end()
        self._keeping, self._working = [], []

    def _begin_to_keep(self, names: Collection[str] | None = None) -> list[threading.Thread]:
        """Begin those that keep; of some names alone, if any are given."""
        keeping = {"boogie-keeper": self._keep}
        if self._watch is not None:
            keeping["boogie-limits"] = self._watch
        return [
            _begun(name, keep, self._stopped)
            for name, keep in keeping.items()
            if names is None or name in names
        ]

    def _stop_jobs(self) -> None:
        if not self._jobs_stopped.is_set():
            jobs.stop(self._jobs_stopped, len(self._working))

    def _begin_to_work(self, count: int) -> list[threading.Thread]:
        return [_begun("boogie-jobs", jobs.work, self._jobs_stopped) for _ in range(count)]


def _begun(name: str, target: Callable[..., Any], *args: Any) -> threading.Thread:
    thread = threading.Thread(target=target, args=args, name=name, daemon=True)
    thread.start()
    return thread


def _left(threads: list[threading.Thread], within: float) -> list[threading.Thread]:
    """Wait at most ``within`` seconds for threads; return those that have not ended."""
    deadline = time.monotonic() + within
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return _living(threads)


def _living(threads: list[threading.Thread]) -> list[threading.Thread]:
    return [thread for thread in threads if thread.is_alive()]
