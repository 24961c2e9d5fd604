"""
The error tree. Everything raised on purpose by this package is one of these,
or a builtin (``TypeError``, ``ValueError``, ``TimeoutError``, ``RuntimeError``).

::

    BoogieTasksError
    ├── ArgumentError (ValueError)   an argument that would not come back as it went
    ├── ResultError                  a result that cannot be stored
    ├── ObjectGone                   the object was deleted before the run
    ├── UnknownTask                  nothing is registered under the row's name
    ├── WorkerLost                   the process that ran the row died
    ├── TaskFailed                   what ``row.wait()`` raises for a failed row
    └── TaskCancelled                the row was cancelled, or taken away
"""


class BoogieTasksError(Exception):
    """Base of every error of :mod:`boogie.apps.tasks`."""


class ArgumentError(BoogieTasksError, ValueError):
    """An argument would not survive the way to the worker; the text names it."""


class ResultError(BoogieTasksError):
    """The result of a run cannot be stored; the text names its type."""


class ObjectGone(BoogieTasksError):
    """The object of a row was deleted before the row ran."""


class UnknownTask(BoogieTasksError):
    """No task is registered under the name that a row carries."""


class WorkerLost(BoogieTasksError):
    """The process that ran a row died before the row was settled."""


class TaskFailed(BoogieTasksError):
    """A row that somebody waited for has failed; the text holds the original type and message."""


class TaskCancelled(BoogieTasksError):
    """A row was cancelled, or taken away: for who waits for it, and for the body that runs it."""
