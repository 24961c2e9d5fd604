"""
Name → task, through Celery's registries.

No Celery app is required to exist when a task is declared: tasks are given to
every app that is, or will be, finalized.
"""

import inspect
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

from celery import Celery
from celery import _state as celery_state
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import autodiscover_modules

from .protocols import Declaration, Row

# Celery's table of apps and the registry of an app have no public names (and no types).
_state: Any = celery_state

#: The Celery task that runs every row without an object, whichever function it names.
FUNCTION = "boogie_tasks.function"

_declared: dict[str, Declaration] = {}

#: What a module was imported by when it declared a task: another one each time.
_imported_by: dict[str, Any] = {}

#: What was declared as a task, and the options that it was given.
_given: dict[str, tuple[Any, Mapping[str, Any]]] = {}


def get(name: str) -> Declaration | None:
    """Return the task declared as ``name`` in this process, or ``None``."""
    return _declared.get(name)


def of_row(row: Row) -> Declaration | None:
    """Return the task that runs ``row``, or ``None``: nobody registered it."""
    return _declared.get(celery_name(row))


def celery_name(row: Any) -> str:
    """Return the name of the Celery task that runs ``row``: messages carry it."""
    return FUNCTION if row.backend else str(row.name)


def names(name: str) -> list[str]:
    """Return every name that rows of the task ``name`` may carry, its aliases included."""
    task = _declared.get(name)
    return [name] if task is None else list(task.names)


def declared() -> list[Declaration]:
    """Return every task declared in this process; none of them is what runs functions."""
    return [task for task in dict.fromkeys(_declared.values()) if task.name != FUNCTION]


def register(task: Declaration, options: Mapping[str, Any]) -> None:
    """
    Make ``task`` known to us and to Celery; ``options`` are those that it was declared with.

    Raise ``ImproperlyConfigured`` if its name already means something else.
    """
    for name in task.names:
        other = _declared.get(name)
        if other is not None and not _is_again(other, task):
            raise ImproperlyConfigured(
                f"Two tasks are named {name!r}: {_place(other)} and {_place(task)}. "
                f"Give one of them another name=."
            )
        source, before = _given.get(name, (None, options))
        if source is task.declared_from and before != options:
            raise ImproperlyConfigured(
                f"{_place(task)} is the task {name!r} with other options already: {before}. "
                f"Give this one another name=, or use using() for single calls."
            )
        for app in list(_state._get_active_apps()):
            _refuse_foreign(app, name)
    _declared.update(dict.fromkeys(task.names, task))
    _given[task.name] = task.declared_from, options
    _imported_by[task.name] = _spec(task)
    on_every_app(lambda app: _adopt(app, task.name))


def on_every_app(callback: Callable[[Celery], Any]) -> None:
    """Call ``callback`` with every Celery app, now and once more when it is finalized."""
    _state.connect_on_app_finalize(callback)
    for app in list(_state._get_active_apps()):
        callback(app)


def _adopt(app: Any, name: str) -> None:
    task = _declared[name]
    for known in task.names:
        _refuse_foreign(app, known)
        app._tasks[known] = task
    if app.finalized:  # else Celery binds it when it finalizes the app
        task.bind(app)


def is_ours(task: Any) -> bool:
    """Return whether a task of Celery's registry is a Boogie task."""
    return hasattr(task, "declared_from")


def _refuse_foreign(app: Any, name: str) -> None:
    other = app._tasks.get(name)
    if other is not None and not is_ours(other):
        raise ImproperlyConfigured(
            f"The Celery app {app.main!r} already has a task {name!r} that is not a "
            f"Boogie task. Give one of them another name=."
        )


def _is_again(other: Declaration, task: Declaration) -> bool:
    """Return whether ``task`` is ``other`` once more: reloaded, or run again in a notebook."""
    if _place(other) != _place(task):
        return False
    if _imported_by.get(other.name) is not _spec(task):
        return True
    return bool(_lines(other) == _lines(task))


def _spec(task: Declaration) -> Any:
    return getattr(sys.modules.get(task.declared_from.__module__), "__spec__", None)


def _lines(task: Declaration) -> Any:
    """Return where a body stands; in a notebook each cell, and each change, is a file."""
    body = getattr(task.declared_from, "run", task.declared_from)
    code = getattr(inspect.unwrap(body), "__code__", None)
    if code is None or not os.path.exists(code.co_filename):
        return None
    return code.co_filename, code.co_firstlineno


def _place(task: Declaration) -> str:
    return f"{task.declared_from.__module__}.{task.declared_from.__qualname__}"


def discover() -> None:
    """Import the ``tasks`` module of every installed app, in web processes and workers alike."""
    autodiscover_modules("tasks")
