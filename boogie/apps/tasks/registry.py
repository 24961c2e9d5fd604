"""
Name → task, through Celery's registries, and which Celery app is ours.

No Celery app is required to exist when a task is declared: tasks are given to
every app that is, or will be, finalized.
"""

import inspect
import os
from collections.abc import Callable
from typing import Any, cast

from celery import Celery
from celery import _state as celery_state
from celery.app.routes import MapRoute
from celery.utils.imports import symbol_by_name
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.utils.module_loading import autodiscover_modules

from .conf import conf
from .protocols import Declaration

SHIPPED_APP = "boogie.apps.tasks.celery:app"

# Celery's table of apps and the registry of an app have no public names (and no types).
_state: Any = celery_state

_declared: dict[str, Declaration] = {}

#: Settings of Celery's that were looked up: of which configuration, in which state, what.
_settings: dict[str, tuple[Any, Any, Any]] = {}

#: Queues that fixed routes lead to: by which router, from which default queue, to what.
_queues: dict[str, tuple[Any, Any, str | None]] = {}

#: Variables that go before the settings of a broker.
_VARIABLES = ("CELERY_BROKER_URL", "CELERY_BROKER_WRITE_URL")


def get(name: str) -> Declaration | None:
    """Return the task declared as ``name`` in this process, or ``None``."""
    return _declared.get(name)


def names(name: str) -> list[str]:
    """Return every name that rows of the task ``name`` may carry, its aliases included."""
    task = _declared.get(name)
    return [name] if task is None else list(task.names)


def declared() -> list[Declaration]:
    """Return every task declared in this process."""
    return list(dict.fromkeys(_declared.values()))


def register(task: Declaration) -> None:
    """
    Make ``task`` known to us and to Celery.

    Raise ``ImproperlyConfigured`` if its name already means something else.
    """
    for name in task.names:
        other = _declared.get(name)
        if other is not None and _origin(other) != _origin(task):
            raise ImproperlyConfigured(
                f"Two tasks are named {name!r}: {_place(other)} and {_place(task)}. "
                f"Give one of them another name=."
            )
        for app in list(_state._get_active_apps()):
            _refuse_foreign(app, name)
    _declared.update(dict.fromkeys(task.names, task))
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


def _refuse_foreign(app: Any, name: str) -> None:
    other = app._tasks.get(name)
    if other is not None and not hasattr(other, "declared_from"):
        raise ImproperlyConfigured(
            f"The Celery app {app.main!r} already has a task {name!r} that is not a "
            f"Boogie task. Give one of them another name=."
        )


def _origin(task: Declaration) -> tuple[Any, ...]:
    """Return what identifies the source of a task, also after its module was imported again."""
    source = task.declared_from
    if inspect.isfunction(source):
        code = source.__code__
        return (source.__module__, source.__qualname__, code.co_filename, code.co_firstlineno)
    return (source.__module__, source.__qualname__)


def _place(task: Declaration) -> str:
    return f"{task.declared_from.__module__}.{task.declared_from.__qualname__}"


def discover() -> None:
    """Import the ``tasks`` module of every installed app, in web processes and workers alike."""
    autodiscover_modules("tasks")


def ensure_app() -> None:
    """Load the app that we ship unless the project has one; its own is imported when needed."""
    if not conf.CELERY_APP and _current_app() is None:
        symbol_by_name(SHIPPED_APP).set_default()


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
    app: Any = _state._tls.current_app or _state.default_app
    if app is None or (app.main == "default" and not app.fixups):
        return None
    return cast(Celery, app)


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


def setting(app: Celery, name: str) -> Any:
    """
    Return a setting of Celery's that has a simple value.

    Celery goes through several dictionaries and spellings each time, which is a tenth of
    what a row costs to enqueue. To see that nothing has changed takes much less.
    """
    configuration: Any = app.conf
    changes = vars(configuration).get("changes")
    if changes is None:  # nothing has asked for a setting yet
        return getattr(configuration, name)
    own = getattr(settings, f"CELERY_{name.upper()}", None)
    state = (own, *map(os.environ.get, _VARIABLES), *changes.items())
    known = _settings.get(name)
    if known is None or known[0] is not configuration or known[1] != state:
        known = _settings[name] = (configuration, state, getattr(configuration, name))
    return known[2]


def _forget(**extra: Any) -> None:
    """Look everything up again: a test overrides Django's settings, and Celery's may be there."""
    _settings.clear()
    _queues.clear()


setting_changed.connect(_forget, dispatch_uid="boogie_tasks.settings")


def routed_queue(app: Any, name: str) -> str | None:
    """Return the queue where ``task_routes`` sends ``name``; ``None`` if they name no queue."""
    router = app.amqp.router
    if not has_fixed_routes(router):
        return _ask(router, name)
    default = setting(app, "task_default_queue")
    known = _queues.get(name)
    if known is None or known[0] is not router or known[1] != default:
        known = _queues[name] = (router, default, _ask(router, name))
    return known[2]


def has_fixed_routes(router: Any) -> bool:
    """Return whether the name of a task alone decides where it goes."""
    return all(isinstance(route, MapRoute) for route in router.routes)


def _ask(router: Any, name: str) -> str | None:
    queue = router.route({}, name).get("queue")
    return None if queue is None else str(getattr(queue, "name", queue))
