"""
System checks of functions of Django Tasks.
"""

from typing import Any

from django.apps import apps
from django.core import checks

from . import serving


def register() -> None:
    """Register every check of this module that belongs to no backend."""
    checks.register(check_queues)


def check_queues(**options: Any) -> list[checks.CheckMessage]:
    """W010: queues of functions that nobody serves."""
    return [
        checks.Warning(
            f"No worker serves the queue {queue!r} of TASKS[{alias!r}] unless it is told to.",
            hint=f"Start workers with -Q {queue}, or list it in CELERY_TASK_QUEUES.",
            id="boogie_tasks.W010",
        )
        for alias, queues in serving.backends().items()
        for queue in serving.unserved(queues)
    ]


def without_table(alias: str) -> list[checks.CheckMessage]:
    """E011: a backend of Django Tasks, and no table for its rows."""
    if apps.is_installed("boogie.apps.tasks"):
        return []
    return [
        checks.Error(
            f"TASKS[{alias!r}] runs functions as rows, and there is no table for them.",
            hint="Add 'boogie.apps.tasks' to INSTALLED_APPS.",
            id="boogie_tasks.E011",
        )
    ]


def options_in_vain(alias: str, options: dict[str, Any]) -> list[checks.CheckMessage]:
    """W011: options that the backend of Boogie does not have, such as those of another one."""
    if not options:
        return []
    return [
        checks.Warning(
            f"TASKS[{alias!r}]['OPTIONS'] has {', '.join(map(repr, sorted(options)))}, which does "
            "nothing: the backend of Boogie takes no options.",
            hint="Remove it. What concerns all rows is said in BOOGIE_TASKS; what concerns one "
            "function by the options of @task.",
            id="boogie_tasks.W011",
        )
    ]
