"""
One coroutine, from its first step to its end; and what strikes it from outside.
"""

import asyncio
from asyncio import taskgroups
from collections.abc import Callable, Coroutine, Generator
from types import coroutine
from typing import Any

from celery import _state

from boogie.apps.tasks import loops

Body = Coroutine[Any, Any, Any]

_stack: Any = _state._task_stack  # type: ignore[attr-defined]

#: The coroutine in which a task group waits for its children.
_WAITS = taskgroups.TaskGroup.__aexit__.__code__


class Driver:
    """
    Goes the steps of a coroutine in a loop; ``ended`` is called in the loop when it has ended.

    What strikes is raised in the coroutine, where it waits, in place of ``CancelledError``: so it
    can be caught there, and ``finally`` is done.
    """

    def __init__(self, task: Any, body: Callable[[], Body], ended: Callable[[], None]) -> None:
        self._task = task
        self._make = body
        self._ended = ended
        self._body: Body | None = None
        self._struck: BaseException | None = None
        #: The steps, as a task of the loop.
        self.step: asyncio.Task[None] | None = None
        #: Who may cancel it, and what would be cancelled before it had begun.
        self._calling: loops.Calling | None = None
        self._before: asyncio.Future[Any] | None = None
        self.result: Any = None
        self.error: BaseException | None = None

    def start(self, loop: asyncio.AbstractEventLoop, context: Any) -> None:
        """Begin, once, in the loop's thread."""
        if self.step is None:
            self.step = loop.create_task(self._drive(), context=context)
            self.step.add_done_callback(self._end)
            if (calling := context.get(loops.calling)) is not None:
                self._calling, self._before = calling, calling.enter(self.step)

    def strike(self, error: BaseException) -> None:
        """Raise ``error`` in the coroutine; called in the loop's thread."""
        self._struck = error
        if self.step is not None and self._body is not None:
            _cancel_children(self._body)
            self.step.cancel()

    def _end(self, step: "asyncio.Task[None]") -> None:
        if step.cancelled():  # before its first step
            self.error = asyncio.CancelledError("cancelled before it began")
        if self._calling is not None:
            self._calling.enter(self._before)
        self._ended()

    async def _drive(self) -> None:
        """Go all steps. Nothing is raised: asyncio has words of its own for what ends a process."""
        try:
            self._body = self._make()
            self.result = await self._steps(self._body)
        except BaseException as error:
            self.error = error
            # From the coroutine's own first line on: nobody wants to read of these steps.
            error.__traceback__ = _own(error.__traceback__) or error.__traceback__

    @coroutine
    def _steps(self, body: Body) -> Generator[Any, Any, Any]:
        send, value = self._next(body, None)
        while True:
            _stack.push(self._task)
            try:
                waits = send(value)
            except StopIteration as end:
                return end.value
            finally:
                _stack.pop()
            try:
                send, value = self._next(body, (yield waits))
            except GeneratorExit:
                body.close()
                raise
            except BaseException as error:
                send, value = self._next(body, error)

    def _next(self, body: Body, value: Any) -> tuple[Callable[[Any], Any], Any]:
        """Return what the next step is, and with what: with what has struck, whatever came."""
        if self._struck is not None:
            value, self._struck = self._struck, None
            self._go_on()
        return (body.throw if isinstance(value, BaseException) else body.send), value

    def _go_on(self) -> None:
        """Say that it is not cancelled: time limits and groups of asyncio ask."""
        if self.step is not None:
            while self.step.cancelling():
                self.step.uncancel()


def _own(trace: Any) -> Any:
    """Return the part of a traceback that begins behind this module."""
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    return trace


def _cancel_children(waiting: Any) -> None:
    """
    Cancel the children of the task groups in which a coroutine waits.

    A group does that itself when it is cancelled, but not when something else is raised there.
    """
    while waiting is not None:
        if getattr(waiting, "cr_code", None) is _WAITS and waiting.cr_frame is not None:
            group = waiting.cr_frame.f_locals.get("self")
            for child in tuple(getattr(group, "_tasks", ())):
                child.cancel()
        waiting = getattr(waiting, "cr_await", None)
