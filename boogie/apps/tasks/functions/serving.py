"""
Which queues of functions a worker serves that is not told which.
"""

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from boogie.apps.tasks import current_app

#: The queue of functions that name none: Django's word for it.
DEFAULT = "default"

#: Modules of backends that are not ours, whatever they are: not worth importing.
FOREIGN = ("django.", "django_tasks.")


def backends() -> dict[str, list[str]]:
    """Return the queues of each backend of ours in ``TASKS``, by its alias; none: it takes any."""
    given: dict[str, Any] = getattr(settings, "TASKS", None) or {}
    return {
        alias: list(params.get("QUEUES", [DEFAULT]))
        for alias, params in given.items()
        if _is_ours(params.get("BACKEND"))
    }


def serves_default() -> bool:
    """Return whether a backend of ours puts functions in Django's default queue."""
    return any(DEFAULT in queues or not queues for queues in backends().values())


def _is_ours(path: Any) -> bool:
    if not isinstance(path, str) or path.startswith(FOREIGN):
        return False
    backend = import_string(path)
    return any(
        f"{one.__module__}.{one.__qualname__}" == "boogie.apps.tasks.backend.BoogieBackend"
        for one in getattr(backend, "__mro__", ())
    )


def serve_default(queues: Any) -> None:
    """Have a worker serve Django's default queue as well, unless it was told which to serve."""
    is_told = queues._consume_from is not None
    if not is_told and DEFAULT not in queues.consume_from and serves_default():
        queues.select_add(queues.new_missing(DEFAULT))


def unserved(queues: Iterable[str]) -> list[str]:
    """Return those of ``queues`` that a worker does not serve which is not told which."""
    conf: Any = current_app.celery_app().conf
    # Names, also as the keys of a dict, or kombu's queues.
    listed = conf.task_queues or [conf.task_default_queue]
    served = {str(getattr(queue, "name", queue)) for queue in listed}
    return sorted(set(queues) - served - {DEFAULT})
