"""
The event loop of this process: one for its life, in a thread of its own.

What a coroutine keeps from one run to the next, such as the connections of an HTTP client, belongs
to its loop. Signals are no matter of this thread's: they strike the main one, which waits.
"""

import asyncio
import atexit
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from django.core.exceptions import ImproperlyConfigured

from boogie.apps.tasks import identity

#: Seconds to wait for the thread: somebody's coroutine may never let go of it.
PATIENCE = 1.0


class Home:
    """A loop and its thread, which is started when it is needed."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        #: Runs that wait for a coroutine.
        self.users = 0
        self._thread: threading.Thread | None = None
        self._is_ending = False

    def awake(self) -> None:
        """Have the loop run."""
        if self._thread is None or not self._thread.is_alive():
            self._is_ending = False
            self._thread = threading.Thread(target=self._run, name="boogie-loop", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        while not self._is_ending:
            # asyncio has told whoever waits for the coroutine that raised it, and goes on to
            # raise it here, where it is nobody's.
            with suppress(KeyboardInterrupt, SystemExit):
                self.loop.run_forever()

    @property
    def left(self) -> set["asyncio.Task[object]"]:
        """What bodies have left behind, or go on with."""
        return asyncio.all_tasks(self.loop)

    def rest(self) -> bool:
        """End the thread, but not the loop; return whether it has ended."""
        thread = self._thread
        if thread is None or not thread.is_alive():
            return True
        if thread is threading.current_thread():
            return False
        self._is_ending = True
        self.loop.call_soon_threadsafe(self.loop.stop)
        thread.join(PATIENCE)
        return not thread.is_alive()

    def end(self) -> None:
        """End the thread, and the loop with what is left in it."""
        if not self.rest():
            return
        if left := self.left:
            for one in left:
                one.cancel()
            self.loop.run_until_complete(asyncio.wait(left, timeout=PATIENCE))
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()


_home: Home | None = None
_lock = threading.Lock()
#: Those of the process that forked this one. What frees one would close what both share.
_inherited: list[Home] = []


@contextmanager
def running() -> Iterator[asyncio.AbstractEventLoop]:
    """Yield the loop of this process, which runs for as long as the block does."""
    home = _enter()
    try:
        yield home.loop
    finally:
        with _lock:
            home.users -= 1


def _enter() -> Home:
    global _home
    if identity.has_greenlets():
        raise ImproperlyConfigured(
            "Coroutines do not run in a pool of greenlets (-P gevent, -P eventlet): their event "
            "loop would be that of every greenlet. Run the tasks that have some in a worker with "
            "-P prefork, threads or solo, on a queue of their own."
        )
    with _lock:
        if _home is None:
            _home = Home()
        _home.awake()
        _home.users += 1
        return _home


def _before_fork() -> None:
    """Leave no second thread while this process forks, if no run needs it."""
    _lock.acquire()
    if _home is not None and not _home.users:
        _home.rest()


def _after_fork_in_parent() -> None:
    if _home is not None and _home.left:
        _home.awake()
    _lock.release()


def _after_fork_in_child() -> None:
    global _home
    if _home is not None:
        _inherited.append(_home)
        _home = None
    _lock.release()


def _at_exit() -> None:
    if _home is not None:
        _home.end()


os.register_at_fork(
    before=_before_fork,
    after_in_parent=_after_fork_in_parent,
    after_in_child=_after_fork_in_child,
)
atexit.register(_at_exit)
