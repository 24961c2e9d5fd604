"""
System checks of queues.
"""

from collections.abc import Iterator
from typing import Any

from celery import Celery
from django.core import checks
from django.core.exceptions import ImproperlyConfigured

from boogie.apps.tasks import current_app, registry
from boogie.apps.tasks.conf import conf
from boogie.apps.tasks.functions import serving

from . import reserved


def register() -> None:
    """Register every check of this module."""
    checks.register(check_queues)


def check_queues(**options: Any) -> list[checks.CheckMessage]:
    """E014: queues in which no worker finds rows."""
    if list(conf.problems()):
        return []
    try:
        app = current_app.celery_app()
    except ImproperlyConfigured:  # E003 says so
        return []
    return [
        checks.Error(
            f"{what} the queue {queue!r}, in which no worker finds rows on boogie://: {reason}.",
            hint="Give the queue another name.",
            id="boogie_tasks.E014",
        )
        for what, queue in _named(app)
        if (reason := reserved.why(queue))
    ]


def _named(app: Celery) -> Iterator[tuple[str, str]]:
    """Yield each queue that rows are to wait in, behind what names it."""
    # Where it is off, routes lead to what is listed.
    follows = current_app.has_fixed_routes(app.amqp.router) and app.conf.task_create_missing_queues
    for task in registry.declared():
        if task.queue:
            yield f"The task {task.name!r} names", str(task.queue)
        elif follows and (queue := current_app.routed_queue(app, task.name)):
            yield f"task_routes send the task {task.name!r} to", queue
    yield "task_default_queue is", str(app.conf.task_default_queue)
    for alias, queues in serving.backends().items():
        for queue in queues:
            yield f"TASKS[{alias!r}] has", queue
