"""
Name → task, through Celery's registries, and which Celery app is ours.

No Celery app is required to exist when a task is declared: tasks are given to
every app that is, or will be, finalized.
"""

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from celery import Celery, _state
from celery.utils.imports import symbol_by_name
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import autodiscover_modules

from .conf import conf

if TYPE_CHECKING:
    from .declare import BoogieTask

SHIPPED_APP = "boogie.apps.tasks.celery:app"

_declared: "dict[str, BoogieTask[Any, ..., Any]]" = {}


def get(name: str) -> "BoogieTask[Any, ..., Any] | None":
    """Return the task declared as ``name`` in this process, or ``None``."""
    return _declared.get(name)


def declared() -> "list[BoogieTask[Any, ..., Any]]":
    """Return every task declared in this process."""
    return list(_declared.values())


def register(task: "BoogieTask[Any, ..., Any]") -> None:
    """
    Make ``task`` known to us and to Celery.

    Raise ``ImproperlyConfigured`` if its name already means something else.
    """
    other = _declared.get(task.name)
    if other is not None and _origin(other) != _origin(task):
        raise ImproperlyConfigured(
            f"Two tasks are named {task.name!r}: {_place(other)} and {_place(task)}. "
            f"Give one of them another name=."
        )
    for app in list(_state._get_active_apps()):
        _refuse_foreign(app, task)
    _declared[task.name] = task
    on_every_app(lambda app: _adopt(app, task.name))


def on_every_app(callback: Callable[[Celery], Any]) -> None:
    """Call ``callback`` with every Celery app, now and when it is finalized; twice must do no harm."""
    _state.connect_on_app_finalize(callback)
    for app in list(_state._get_active_apps()):
        callback(app)


def _adopt(app: Celery, name: str) -> None:
    task = _declared[name]
    _refuse_foreign(app, task)
    app._tasks[name] = task
    if app.finalized:  # else Celery binds it when it finalizes the app
        task.bind(app)


def _refuse_foreign(app: Celery, task: "BoogieTask[Any, ..., Any]") -> None:
    other = app._tasks.get(task.name)
    if other is not None and not hasattr(other, "declared_from"):
        raise ImproperlyConfigured(
            f"The Celery app {app.main!r} already has a task {task.name!r} that is not a "
            f"Boogie task. Give one of them another name=."
        )


def _origin(task: "BoogieTask[Any, ..., Any]") -> tuple[Any, ...]:
    """Return what identifies the source of a task, also after its module was imported again."""
    source = task.declared_from
    if inspect.isfunction(source):
        code = source.__code__
        return (source.__module__, source.__qualname__, code.co_filename, code.co_firstlineno)
    return (source.__module__, source.__qualname__)


def _place(task: "BoogieTask[Any, ..., Any]") -> str:
    return f"{task.declared_from.__module__}.{task.declared_from.__qualname__}"


def discover() -> None:
    """Import the ``tasks`` module of every installed app, in web processes and workers alike."""
    autodiscover_modules("tasks")


def ensure_app() -> None:
    """Load the app that we ship unless the project has one; its own is imported when needed."""
    if not conf.CELERY_APP and _current_app() is None:
        symbol_by_name(SHIPPED_APP)


def celery_app() -> Celery:
    """
    Return the Celery app in use.

    ``BOOGIE_TASKS["CELERY_APP"]`` if set; else the one that the project made
    current; else the one we ship.
    """
    if conf.CELERY_APP:
        return _configured(conf.CELERY_APP)
    current = _current_app()
    return current if current is not None else symbol_by_name(SHIPPED_APP)


def _current_app() -> Celery | None:
    """Return the project's current app; never the fallback that Celery makes up by itself."""
    app = _state._tls.current_app or _state.default_app
    if app is None or (app.main == "default" and not app.fixups):
        return None
    return app


def _configured(path: str) -> Celery:
    try:
        app = symbol_by_name(path)
    except (ImportError, AttributeError, ValueError) as error:
        raise ImproperlyConfigured(
            f"BOOGIE_TASKS['CELERY_APP'] = {path!r} cannot be imported: {error}"
        ) from error
    if not isinstance(app, Celery):
        raise ImproperlyConfigured(
            f"BOOGIE_TASKS['CELERY_APP'] = {path!r} is a {type(app).__name__}, not a Celery app."
        )
    return app
