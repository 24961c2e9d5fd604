"""
Waiting for a coroutine of a task where a plain function is called: in Celery's tracer.
"""

import asyncio
import concurrent.futures
import contextvars
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

from asgiref import sync
from asgiref.sync import AsyncToSync, SyncToAsync, ThreadSensitiveContext

from boogie.apps.tasks import loops
from boogie.apps.tasks.execution.errors import ends_the_process

from .driver import Body, Driver
from .helper import Helper
from .loop import running

if TYPE_CHECKING:
    from boogie.apps.tasks.execution.run import Run

#: Seconds for which a process that is told to end waits for the ``finally`` of a coroutine.
GRACE = 5.0

#: Where asgiref keeps which loop a thread works for.
_NOTES = ("main_event_loop", "main_event_loop_pid", "task_context")


def complete(task: Any, make: Callable[[], Body], run: "Run | None" = None) -> Any:
    """
    Run the coroutine that ``make`` returns; return what it returned, or raise what it raised.

    In the loop that waits for this thread, where there is one; else in that of the process.
    ``run`` is the attempt whose body it is.
    """
    helper = Helper(task.name)
    driver = Driver(task, partial(_begin, make), helper.end)
    context = contextvars.copy_context()
    context.run(_enter, helper)
    context.run(loops.body.set, task)
    with _loop() as loop, _at_hand(helper, run), _notes_of_asgiref_kept():
        _until_it_ends(loop, driver, helper, partial(driver.start, loop, context))
    if driver.error is None:
        return driver.result
    if isinstance(driver.error, asyncio.CancelledError) and not (run and run.is_call):
        # Of a class that Celery takes for the end of a body, and not for that of its process.
        raise concurrent.futures.CancelledError(*driver.error.args) from driver.error
    raise driver.error


def _until_it_ends(
    loop: asyncio.AbstractEventLoop, driver: Driver, helper: Helper, start: Callable[[], None]
) -> None:
    """Begin, and help until the end; what strikes this thread goes on to the coroutine."""
    end: BaseException | None = None
    deadline: float | None = None
    while True:
        try:
            # Each time: a signal may strike before it is posted. To start twice is once.
            loop.call_soon_threadsafe(start)
            if helper.help(deadline):
                return
            break
        except BaseException as struck:
            if helper.is_done:
                raise
            if isinstance(struck, KeyboardInterrupt | SystemExit) or ends_the_process(struck):
                end, deadline = struck, time.monotonic() + GRACE
            # Where this thread waited is of no interest: where the coroutine does is added.
            loop.call_soon_threadsafe(driver.strike, struck.with_traceback(None))
    if end is not None:
        raise end


def _loop() -> AbstractContextManager[asyncio.AbstractEventLoop]:
    waiting = loops.waiting.get()
    if waiting is not None and waiting.is_running():
        return nullcontext(waiting)
    return running()


@contextmanager
def _at_hand(helper: Helper, run: "Run | None") -> Iterator[None]:
    """Let what is called in the body's loop find the thread that asks the database for it."""
    if run is None:
        yield
        return
    run.helper, run.reporter.elsewhere = helper, helper.tell
    try:
        yield
    finally:
        run.helper = run.reporter.elsewhere = None


# --- asgiref --------------------------------------------------------------------------


def _enter(helper: Helper) -> None:
    """Have ``sync_to_async()`` of this context use the thread of the run."""
    # Not as `async with`: only a newer asgiref takes an executor there, and this is no coroutine.
    here = ThreadSensitiveContext()
    SyncToAsync.context_to_thread_executor[here] = helper
    SyncToAsync.thread_sensitive_context.set(here)
    AsyncToSync.executors.current = None


def _begin(make: Callable[[], Body]) -> Body:
    # What Django keeps for a thread, such as the language, asgiref takes along so.
    sync._restore_context(contextvars.copy_context())
    return make()


@contextmanager
def _notes_of_asgiref_kept() -> Iterator[None]:
    """
    Leave this thread's notes of asgiref as they were.

    They say for which loop a thread works, and so where ``async_to_sync()`` would go later on.
    """
    notes = vars(SyncToAsync.threadlocal)
    before = {name: notes[name] for name in _NOTES if name in notes}
    try:
        yield
    finally:
        for name in _NOTES:
            notes.pop(name, None)
        notes.update(before)
