"""
The error tree. Everything raised on purpose by this package is one of these,
or a builtin (``TypeError``, ``ValueError``, ``TimeoutError``, ``RuntimeError``).

::

    BoogieTasksError
    ├── ArgumentError (ValueError)   an argument that would not come back as it went
    ├── ResultError                  a result that cannot be stored
    ├── ObjectGone                   the object, or an argument, was deleted before the run
    ├── LimitReached                 ``call()`` of a task at its limit: no row was made
    ├── UnknownTask                  nothing is registered under the row's name
    ├── WorkerLost                   the process that ran the row died
    ├── NotUnique                    another row of a unique task is there
    ├── Superseded                   a newer row waits in the place of this one
    ├── NeverEnds (TimeoutError,     what ``row.wait()`` raises where it could see no end
    │              RuntimeError)
    ├── TaskFailed                   what ``row.wait()`` raises for a failed row
    └── TaskCancelled                the row was cancelled, or taken away
        ├── Expired                  nobody had started it in time
        └── NeverFinished            it was after a row that will not finish
"""

import typing


class BoogieTasksError(Exception):
    """Base of every error of :mod:`boogie.apps.tasks`."""


class ArgumentError(BoogieTasksError, ValueError):
    """An argument would not survive the way to the worker; the text names it."""


class ResultError(BoogieTasksError):
    """The result of a run cannot be stored; the text names its type."""


class ObjectGone(BoogieTasksError):
    """The object of a row, or an instance among its arguments, was deleted before the row ran."""


class LimitReached(BoogieTasksError):
    """A task was to be run here and now, and is at one of its limits: no row was made."""


class UnknownTask(BoogieTasksError):
    """No task is registered under the name that a row carries."""


class WorkerLost(BoogieTasksError):
    """The process that ran a row died before the row was settled."""


class NotUnique(BoogieTasksError):
    """There is a row of a unique task already, so that it cannot be called; ``row`` is that."""

    def __init__(self, message: str, row: typing.Any = None) -> None:
        super().__init__(message)
        self.row = row

    def __reduce__(self) -> typing.Any:
        return type(self), (str(self), self.row)


class Superseded(BoogieTasksError):
    """A run was to be repeated while a newer row waited in its place: that one does it."""


class NeverEnds(BoogieTasksError, TimeoutError, RuntimeError):
    """The transaction around a ``wait()`` sees no end of what is waited for, however long it is."""


class TaskFailed(BoogieTasksError):
    """A row that somebody waited for has failed; the text holds the original type and message."""


class TaskCancelled(BoogieTasksError):
    """A row was cancelled, or taken away: for who waits for it, and for the body that runs it."""


class Expired(TaskCancelled):
    """Nobody had started a row by the time that its task ``expires``: it was cancelled."""


class NeverFinished(TaskCancelled):
    """A row was after one that was cancelled, or deleted before it finished: it was cancelled."""
