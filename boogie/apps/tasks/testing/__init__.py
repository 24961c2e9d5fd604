"""
For tests of projects: run rows here, assert which were made, set the clock.

>>> from boogie.apps.tasks.testing import assert_made, run_tasks

Importing it imports no model: pytest loads the plugin in this room before Django is ready.
"""

from typing import TYPE_CHECKING, Any
from unittest.mock import ANY

from . import began as _began

if TYPE_CHECKING:
    from .clock import freeze, travel
    from .making import assert_made, assert_not_made, made
    from .running import arun_tasks, run_tasks
    from .scheduled import run_schedules

__all__ = [
    "ANY",
    "arun_tasks",
    "assert_made",
    "assert_not_made",
    "freeze",
    "made",
    "run_schedules",
    "run_tasks",
    "travel",
]

_began.watch_unittest()

#: Which module of this room has a name.
_PLACES = {
    "arun_tasks": "running",
    "assert_made": "making",
    "assert_not_made": "making",
    "freeze": "clock",
    "made": "making",
    "run_schedules": "scheduled",
    "run_tasks": "running",
    "travel": "clock",
}


def __getattr__(name: str) -> Any:
    if name in _PLACES:
        from importlib import import_module

        return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
