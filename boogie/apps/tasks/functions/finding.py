"""
Functions by the names that rows carry: modules and names, as Python imports them. What every room
may import that meets such rows: the library is none of it.
"""

import inspect
from collections.abc import Sequence
from typing import Any

from django.utils.module_loading import import_string

from boogie.apps.tasks import registry
from boogie.apps.tasks.exceptions import UnknownTask

#: The functions that this process has declared, by the names that their rows have.
names: set[str] = set()


def find(path: str) -> Any:
    """Return the task of Django Tasks at ``path``; raise :class:`UnknownTask` if there is none."""
    from . import library

    try:
        found = import_string(path)
    except ImportError as error:
        raise UnknownTask(f"the function {path} cannot be imported: {error}") from error
    if not isinstance(found, library.Task):
        kind = type(found).__qualname__
        raise UnknownTask(
            f"{path} is a {kind}, and no task of Django Tasks: a function is found where it was "
            f"defined, under the name that it was given there, and decorated with @task."
        )
    return found


def problem(path: str) -> Exception | None:
    """Return why the function at ``path`` cannot be run, or ``None``."""
    try:
        find(path)
    except Exception as error:  # a module may raise anything while it is imported
        return error
    return None


def is_known(name: str, backend: str) -> bool:
    """Return whether rows called ``name`` can run in this process; ``backend``: as rows have it."""
    return problem(name) is None if backend else registry.get(name) is not None


def time_limits(row: Any) -> dict[str, float]:
    """Return the limits that the function of ``row`` has; other rows have those of their tasks."""
    if not row.backend:
        return {}
    try:
        task = find(row.name)
    except Exception:  # the run says why it fails
        return {}
    limits = {name: getattr(task, name, None) for name in ("time_limit", "soft_time_limit")}
    return {name: limit for name, limit in limits.items() if limit is not None}


class Signature:
    """A function as those see it who pack or show the arguments of a call."""

    #: Functions declare none.
    sensitive: Sequence[str] = ()

    def __init__(self, task: Any) -> None:
        self.name = task.module_path
        self._task = task

    def parameter(self, position: int) -> str:
        """Return what the argument at ``position``, counted from 1, is called."""
        own = list(inspect.signature(self._task.func).parameters.values())
        own = own[1:] if self._task.takes_context else own
        for number, parameter in enumerate(own[:position]):
            if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
                return f"{parameter.name}[{position - 1 - number}]"
        if position > len(own):
            raise IndexError(position)
        return own[position - 1].name


def signature(path: str) -> Signature | None:
    """Return the signature of the function at ``path``, or ``None`` if it cannot be found."""
    return None if problem(path) else Signature(find(path))
