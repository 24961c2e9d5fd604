"""
The thread of a run while its coroutine goes on in a loop: it does what that asks of it.

So what a body does with the ORM is done on the connections of the run, as a plain body does it,
and a signal that strikes this thread strikes the statement, or else the coroutine.
"""

import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from typing import Any

#: Seconds for which a loop waits for an answer of this thread.
PATIENCE = 5.0

_SIGNALS = signal.valid_signals()


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Have no signal strike within; one that came before strikes at the door."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Work:
    """A call that somebody in the loop asks for."""

    def __init__(self, call: Callable[[], Any], is_awaited: bool) -> None:
        self.future: Future[Any] = Future()
        #: Whether somebody waits for what becomes of it.
        self.is_awaited = is_awaited
        self._call = call
        #: What it returned, and what it raised.
        self._outcome: tuple[Any, BaseException | None] | None = None

    def do(self) -> None:
        """Do it, once; what it raises, and what strikes meanwhile, is for who asked for it."""
        if self._outcome is not None or self.future.cancelled():
            return
        if not (self.future.running() or self.future.set_running_or_notify_cancel()):
            return
        try:
            self._outcome = (self._call(), None)
        except BaseException as error:
            self._outcome = (None, error)

    def answer(self) -> BaseException | None:
        """Tell who asked what has come of it; return what it raised."""
        if self._outcome is None:  # cancelled
            return None
        result, error = self._outcome
        if error is None:
            self.future.set_result(result)
        else:
            self.future.set_exception(error)
        return error


class Helper(Executor):
    """Does in the thread that :meth:`help` is called in what is submitted from others."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._work: deque[_Work] = deque()
        #: One for each change: a signal may take one away, and what has changed is seen anyway.
        self._changes: SimpleQueue[None] = SimpleQueue()
        self._is_done = threading.Event()
        self._lock = threading.Lock()

    # --- in other threads -------------------------------------------------------------

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        """Have this called in the thread of the run."""
        return self._take(_Work(lambda: fn(*args, **kwargs), is_awaited=True))

    def tell(self, fn: Callable[[], Any]) -> None:
        """Have this called, and what it raises be raised in the coroutine: nobody waits for it."""
        self._take(_Work(fn, is_awaited=False))

    def _take(self, work: _Work) -> "Future[Any]":
        with self._lock:
            if self._is_done.is_set():
                raise RuntimeError(
                    f"{self._name} has ended, and its thread with it: what a body has left behind "
                    f"cannot use the ORM. Await it in the body."
                )
            self._work.append(work)
        self._changes.put(None)
        return work.future

    def ask(self, question: Callable[[], None]) -> None:
        """
        Have a question asked while the loop waits; or later, if the thread is at work.

        It may be at work for another coroutine, and that may need the loop.
        """
        # What is answered is not yet taken away when the loop learns of it.
        if not all(work.future.done() for work in tuple(self._work)):
            self.tell(question)
            return
        with suppress(TimeoutError):
            self.submit(question).result(PATIENCE)

    def end(self) -> None:
        """Have :meth:`help` return; what nobody has begun is cancelled."""
        with self._lock:
            self._is_done.set()
            for work in self._work:
                work.future.cancel()
        self._changes.put(None)

    # --- in the thread of the run -----------------------------------------------------

    @property
    def is_done(self) -> bool:
        """Whether the coroutine has ended."""
        return self._is_done.is_set()

    def help(self, deadline: float | None = None) -> bool:
        """
        Work until the coroutine has ended, or the ``deadline`` comes; return whether it has.

        What strikes between two calls is raised.
        """
        while not self.is_done or self._work:
            if self._work:
                self._next()
                continue
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                return False
            with suppress(Empty):
                self._changes.get(timeout=left)
        return True

    def _next(self) -> None:
        """Do what is first, and only then take it away: a signal loses nothing."""
        work = self._work[0]
        work.do()
        with _undisturbed():
            error = work.answer()
            self._work.popleft()
        if error is not None and not work.is_awaited:
            raise error
