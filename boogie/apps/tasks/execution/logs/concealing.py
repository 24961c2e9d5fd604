"""
What Celery is told of a run with arguments that must not be read: its log and its events show it.

The body, hooks, ``call()`` and the row have the exception itself; it is replaced behind them.
"""

import pickle
from typing import Any

from billiard.einfo import ExceptionWithTraceback  # type: ignore[attr-defined]
from celery.exceptions import Retry

from boogie.apps.tasks.execution.run import Run
from boogie.apps.tasks.serialization import secrets


def arguments(task: Any) -> None:
    """Have the log of Celery show no arguments of the run that goes on."""
    task.request.argsrepr = task.request.kwargsrepr = secrets.MASK


def failure(run: Run, einfo: Any) -> None:
    """Mask what is hidden in the error that is logged, and sent as an event."""
    if run.hidden and einfo is not None:
        exception = getattr(einfo.exception, "exc", None) or einfo.exception
        _replace(run, einfo, _stand_in(exception, run.hidden))


def retry(run: Run, reason: Retry, einfo: Any) -> None:
    """The same of a run that is made again, for a reason."""
    if not run.hidden or einfo is None:
        return
    if reason.exc is not None:
        concealed: Any = _stand_in(reason.exc, run.hidden)
        reason.exc = concealed
    for name in ("excs", "message"):
        text = getattr(reason, name)
        setattr(reason, name, None if text is None else secrets.masked(str(text), run.hidden))
    _replace(run, einfo, reason)


def _replace(run: Run, einfo: Any, exception: BaseException) -> None:
    einfo.traceback = secrets.masked(einfo.traceback, run.hidden)
    einfo.exception = ExceptionWithTraceback(exception, einfo.traceback)


def _stand_in(exception: BaseException, hidden: tuple[str, ...]) -> BaseException:
    """Return an exception of the same class that says the same, masked; else a plain one."""
    try:
        text = str(exception)
    except Exception:
        text = ""
    text = secrets.masked(text, hidden)
    kind = type(exception)
    try:
        copy: BaseException = kind.__new__(kind, text)
        copy.args = (text,)
        back = pickle.loads(pickle.dumps(copy))  # as it goes to the worker's main process
        if secrets.masked(repr(back), hidden) == repr(back) and type(back) is kind:
            return copy.with_traceback(exception.__traceback__)
    except Exception:
        kind = type(exception)  # one that needs more than a text
    return Exception(f"{kind.__qualname__}: {text}").with_traceback(exception.__traceback__)
