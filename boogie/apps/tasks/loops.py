"""
Event loops: what may not be called in one, and how it is called from one.

Where coroutines run is not decided here. No model is imported, and no statement is sent.
"""

import os
from asyncio import (
    AbstractEventLoop,
    CancelledError,
    Future,
    _get_running_loop,
    ensure_future,
    get_running_loop,
    wait,
)
from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast

from asgiref.sync import sync_to_async
from django.core.exceptions import SynchronousOnlyOperation

P = ParamSpec("P")
T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

#: The loop that waits for what this context does in a thread, by :func:`aside`.
waiting: ContextVar[AbstractEventLoop | None] = ContextVar("boogie_tasks_waiting", default=None)

#: What the loop is to cancel that waits for this context.
calling: ContextVar["Calling | None"] = ContextVar("boogie_tasks_calling", default=None)

#: The task whose coroutine goes on in this context.
body: ContextVar[Any] = ContextVar("boogie_tasks_body", default=None)


def is_running() -> bool:
    """Return whether nothing may wait here, a database least of all."""
    return _get_running_loop() is not None


def refuse(what: str, twin: str) -> None:
    """
    Raise ``SynchronousOnlyOperation`` in an event loop; ``twin`` is what may be awaited there.

    Django would raise it, too, of a statement: after half of the work, and in other words.
    """
    if _get_running_loop() is None or os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE"):
        return
    raise SynchronousOnlyOperation(
        f"{what}() would hold up the event loop that runs here. Use: await {twin}()."
    )


def has_twin(method: F) -> F:
    """Refuse a method in an event loop: its name with an ``a`` in front may be awaited there."""

    @wraps(method)
    def refused(*args: Any, **kwargs: Any) -> Any:
        refuse(method.__name__, f"a{method.__name__}")
        return method(*args, **kwargs)

    return cast(F, refused)


async def aside(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Call ``function`` in the thread of this context's connections, as Django does."""
    token = waiting.set(get_running_loop())
    try:
        return await sync_to_async(function)(*args, **kwargs)
    finally:
        waiting.reset(token)


class Calling:
    """A call that a loop waits for, and may cancel; all is done in the loop's thread."""

    def __init__(self) -> None:
        #: The coroutine that goes on there in this call.
        self._step: Future[Any] | None = None
        self._is_cancelled = False
        #: Whether a coroutine has learnt of it: what becomes of the call is its affair.
        self.is_told = False

    def cancel(self) -> None:
        """Cancel the coroutine that goes on, or the next one; a function goes on to its end."""
        self._is_cancelled = True
        self.enter(self._step)

    def enter(self, step: "Future[Any] | None") -> "Future[Any] | None":
        """Have ``step`` be the coroutine that goes on; return the one that did."""
        before, self._step = self._step, step
        if step is not None and self._is_cancelled:
            self._is_cancelled, self.is_told = False, True
            step.cancel()
        return before


async def call_aside(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Do :func:`aside`, so that a coroutine in it ends in good order when this is cancelled."""
    own = Calling()
    token = calling.set(own)
    try:
        going = ensure_future(aside(function, *args, **kwargs))
    finally:
        calling.reset(token)
    cancelled: CancelledError | None = None
    while not going.done():
        try:
            await wait([going])
        except CancelledError as error:
            cancelled = error
            own.cancel()
    if cancelled is not None and not own.is_told and going.exception() is None:
        raise cancelled
    return going.result()
