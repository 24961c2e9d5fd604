"""
Django Tasks: Django's own from 6.0 on, before that the package ``django-tasks``.

To be imported by who has to do with its functions, and by nobody else.
"""

import inspect
from importlib import import_module
from typing import Any

import django
from django.core.exceptions import ImproperlyConfigured

#: Where it lies, and where there lies what Django keeps among its utilities.
ROOT, UTILITIES = (
    ("django.tasks", "django.utils.json")
    if django.VERSION >= (6,)
    else ("django_tasks", "django_tasks.utils")
)

try:
    library: Any = import_module(ROOT)
except ImportError as error:
    raise ImproperlyConfigured(
        f"TASKS names the backend of Boogie, and Django {django.get_version()} has no Django "
        f"Tasks: install the package django-tasks, or Django 6.0."
    ) from error
base: Any = import_module(f"{ROOT}.base")
exceptions: Any = import_module(f"{ROOT}.exceptions")
signals: Any = import_module(f"{ROOT}.signals")
BaseTaskBackend: Any = import_module(f"{ROOT}.backends.base").BaseTaskBackend
normalize_json: Any = import_module(UTILITIES).normalize_json

__all__ = [
    "BaseTaskBackend",
    "InvalidTask",
    "Task",
    "TaskContext",
    "TaskError",
    "TaskResult",
    "TaskResultDoesNotExist",
    "TaskResultStatus",
    "backend_of",
    "has_options",
    "library",
    "normalize_json",
    "signals",
]

Task = base.Task
TaskContext = base.TaskContext
TaskError = base.TaskError
TaskResult = base.TaskResult
TaskResultStatus = base.TaskResultStatus
TaskResultDoesNotExist = exceptions.TaskResultDoesNotExist
#: The package has another name for it.
InvalidTask = getattr(exceptions, "InvalidTask", None) or exceptions.InvalidTaskError

#: Whether ``@task`` hands on options that it does not know itself: it does from Django 6.1 on.
has_options = any(
    parameter.kind is inspect.Parameter.VAR_KEYWORD
    for parameter in inspect.signature(base.task).parameters.values()
)


def backend_of(alias: str) -> Any:
    """Return the backend that ``TASKS`` has under ``alias``; raise what Django raises at none."""
    return library.task_backends[alias]
