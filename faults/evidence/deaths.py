"""
Who notes the death of every process that a body has begun in, whoever ended it.

A death that nobody noted would look like a body that goes on, and its rescue like an overlap.
"""

import contextlib
import os
import select
import threading
from collections.abc import Iterator
from pathlib import Path

from faults import journal

#: Milliseconds between two looks for processes that are new.
LOOK_EVERY = 50


@contextlib.contextmanager
def noted(path: Path) -> Iterator[None]:
    """Note deaths in the journal at ``path``."""
    watch = _Watch(path)
    watch.start()
    try:
        yield
    finally:
        watch.stopped.set()
        watch.join()


class _Watch(threading.Thread):
    def __init__(self, path: Path) -> None:
        super().__init__(name="deaths", daemon=True)
        self.stopped = threading.Event()
        self._path = path
        self._read = 0
        self._pids: dict[int, int] = {}
        self._poll = select.poll()

    def run(self) -> None:
        while not self.stopped.is_set():
            self._look(LOOK_EVERY)
        self._look(0)
        for descriptor in self._pids:
            os.close(descriptor)

    def _look(self, wait: int) -> None:
        for pid in self._starters() - set(self._pids.values()):
            try:
                descriptor = os.pidfd_open(pid)
            except ProcessLookupError:
                journal.note("death", pid=pid)
            else:
                self._pids[descriptor] = pid
                self._poll.register(descriptor, select.POLLIN)
        for descriptor, _ in self._poll.poll(wait):
            journal.note("death", pid=self._pids.pop(descriptor))
            self._poll.unregister(descriptor)
            os.close(descriptor)

    def _starters(self) -> set[int]:
        """Return the processes of the bodies that began since the last look."""
        events, self._read = journal.read_from(self._path, self._read)
        return {event.pid for event in events if event.kind == "start"}
