"""
Figures that are measured in parts: each part on a system, with an observer of its database.
"""

import functools
from collections.abc import Callable
from typing import Any

from bench import places
from bench.observer import Observer
from bench.systems import System

#: The name of a part, its system, and what measures it.
Part = tuple[str, System, Callable[[], dict[str, Any]]]


def part(
    name: str, measure: Callable[..., dict[str, Any]], module: str, system: System, size: Any
) -> Part:
    """Return a part: ``measure(observer, system, size)``, with the tasks of ``module``."""
    return name, system, functools.partial(_measured, measure, module, system, size)


def _measured(
    measure: Callable[..., dict[str, Any]], module: str, system: System, size: Any
) -> dict[str, Any]:
    with places.importing(module), Observer(places.database(system.name)) as observer:
        return measure(observer, system, size)
