"""
Exceptions as entries of ``Task.errors``. Nothing here writes to the database.
"""

import traceback
from types import TracebackType
from typing import Any

from boogie.apps.tasks.exceptions import Superseded
from boogie.apps.tasks.lifecycle import history, places

#: Exit codes by which billiard has a child end that gets a signal (billiard.common).
BY_SIGNAL = range(-255, -191)
#: Names of the exceptions that end a pool or a worker. (gevent's need not be installed.)
ENDS = frozenset(["GreenletExit", "WorkerShutdown", "WorkerTerminate"])


def ends_the_process(exception: BaseException) -> bool:
    """
    Return whether an exception is no body's: a pool or a worker that comes to its end raised it.

    ``GreenletExit`` kills a greenlet, as SIGKILL does a process; billiard ends a child that
    gets a signal by ``SystemExit``. All others are errors of the body, whatever their class.
    """
    kinds = {kind.__name__ for kind in type(exception).__mro__}
    by_signal = isinstance(exception, SystemExit) and exception.code in BY_SIGNAL
    return by_signal or not kinds.isdisjoint(ENDS)


def is_time_limit(exception: BaseException, task: Any) -> bool:
    """
    Return whether an exception is the hard time limit of gevent's pool.

    It is told of by the pool, afterwards. A body's own ``gevent.Timeout`` looks the same, and ends
    the same where there is such a limit.
    """
    kind = type(exception)
    if kind.__name__ != "Timeout" or not kind.__module__.startswith(("gevent", "eventlet")):
        return False
    limits = task.request.timelimit or ()
    return bool(task.time_limit or any(limits))


def describe(exception: BaseException, attempt: int, worker: str) -> dict[str, Any]:
    """Return the entry of ``Task.errors`` for an exception that ended an attempt."""
    return entry(
        f"{type(exception).__module__}.{type(exception).__qualname__}",
        _message(exception),
        _traceback(exception, exception.__traceback__),
        attempt,
        worker,
    )


def superseded(row: Any) -> Superseded:
    """Return why ``row``, which was to run again, does not."""
    newer = places.holder(row)
    which = "a newer row" if newer is None else f"{newer.pk}, which is newer,"
    return Superseded(f"{which} waits in the place of {row.name}[{row.pk}], and does what it did")


def entry(kind: str, message: str, trace: str, attempt: int, worker: str) -> dict[str, Any]:
    """Return an entry of ``Task.errors``, but for its time; text is made fit for every database."""
    return {
        "attempt": attempt,
        "type": kind,
        "message": history.fit(message, history.MAX_TEXT),
        "traceback": history.fit(trace, history.MAX_TEXT),
        "worker": worker,
    }


def _message(exception: BaseException) -> str:
    try:
        return str(exception)
    except Exception as error:
        return f"<the message cannot be made: {type(error).__qualname__}>"


def _traceback(exception: BaseException, trace: TracebackType | None) -> str:
    try:
        return "".join(traceback.format_exception(type(exception), exception, trace))
    except Exception:
        return "".join(traceback.format_tb(trace))
