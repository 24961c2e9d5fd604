"""
Which Celery app is in use, its settings, and where its routes lead.
"""

import os
from typing import Any, NamedTuple, cast

from celery import Celery
from celery import _state as celery_state
from celery.app.base import PendingConfiguration  # type: ignore[attr-defined]
from celery.app.routes import MapRoute, Router
from celery.utils.imports import symbol_by_name
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed

from .conf import conf
from .protocols import Declaration

SHIPPED_APP = "boogie.apps.tasks.celery:app"
#: Of the broker that is no broker.
SCHEME = "boogie"

# What app is current, Celery tells by no public name (and without types).
_state: Any = celery_state

#: Settings of Celery's that were looked up: of which configuration, in which state, what.
_settings: dict[str, tuple[Any, Any, Any]] = {}

#: Queues that fixed routes lead to: by which router, from which default queue, to what.
_queues: dict[str, tuple[Any, Any, str | None]] = {}

#: Variables that go before the settings of a broker.
_VARIABLES = ("CELERY_BROKER_URL", "CELERY_BROKER_WRITE_URL")


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
    changes = configuration.changes
    if isinstance(changes, PendingConfiguration):
        # Nothing has asked for a setting yet. To go through what stands in for the changes until
        # then would ask for every setting of Django's by its name.
        changes.data  # noqa: B018 - loads the configuration
        changes = configuration.changes
    own = getattr(settings, f"CELERY_{name.upper()}", None)
    state = (own, *map(os.environ.get, _VARIABLES), *changes.items())
    known = _settings.get(name)
    if known is None or known[0] is not configuration or known[1] != state:
        known = _settings[name] = (configuration, state, getattr(configuration, name))
    return known[2]


def spellings(app: Celery, name: str) -> list[str]:
    """
    Return the names under which to change a setting of Celery's.

    In Celery 5.6.0 that of the settings' namespace, if there is one, goes before a change under
    the plain one.
    """
    namespace = cast(Any, app).namespace
    return [name, f"{namespace}_{name}".upper()] if namespace else [name]


def change(app: Celery, name: str, value: Any) -> None:
    """Change a setting of Celery's, in this process."""
    cast(Any, app).conf.update(dict.fromkeys(spellings(app, name), value))


def forget(**extra: Any) -> None:
    """Look everything up again: a test overrides Django's settings, and Celery's may be there."""
    _settings.clear()
    _queues.clear()


setting_changed.connect(forget, dispatch_uid="boogie_tasks.settings")


# --- where rows go --------------------------------------------------------------------


def queue_of(task: Declaration) -> str:
    """Return the queue of a new row: the task's own, else where the routes lead."""
    return str(task.queue) if task.queue else _routed(task, celery_app(), rings=None)


class Destination(NamedTuple):
    """Where a new row goes: its queue ('': Celery decides at each message), and who is told."""

    queue: str
    #: Whether there is a broker to ring at.
    rings: bool


def destination(task: Declaration) -> Destination:
    """Return the queue of a new row, and whether it is rung for."""
    app = celery_app()
    rings = needs_ringing(app)
    return Destination(str(task.queue) if task.queue else _routed(task, app, rings), rings)


def _routed(task: Declaration, app: Celery, rings: bool | None) -> str:
    queue = routed_queue(app, task.name)
    if queue is not None:
        return queue
    rings = needs_ringing(app) if rings is None else rings
    return "" if rings else str(setting(app, "task_default_queue"))


def needs_ringing(app: Celery | None = None) -> bool:
    """
    Return whether there is a broker to ring at.

    On ``boogie://`` the committed row is the message. With ``task_always_eager``
    (a testing aid of Celery's, for which rows have no use) nothing is published.
    """
    app = app or celery_app()
    return not is_boogie(app) and not setting(app, "task_always_eager")


def broker_scheme(app: Celery) -> str:
    """Return the URL scheme of the broker that ``app`` publishes to; '' if it names none."""
    url = setting(app, "broker_write_url") or ""
    first = url[0] if isinstance(url, list | tuple) else url
    return str(first).partition(":")[0]


def is_boogie(app: Celery) -> bool:
    """Return whether ``app`` publishes to ``boogie://``."""
    return broker_scheme(app) == SCHEME


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
    kind: Any = type(router)  # a subclass may route as it likes
    return kind is Router and all(type(route) is MapRoute for route in router.routes)


def _ask(router: Any, name: str) -> str | None:
    queue = router.route({}, name).get("queue")
    return None if queue is None else str(getattr(queue, "name", queue))
