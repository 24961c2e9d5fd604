"""
What can travel with a row: classes to be listed in ``CONTEXTS``, each loaded when it is asked for.

A module imports the package that it is for when it is used, not before.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .actor import Actor
    from .headers import Headers
    from .language import Language
    from .opentelemetry import OpenTelemetry
    from .sentry import Sentry
    from .tenant import Tenant

__all__ = ["Actor", "Headers", "Language", "OpenTelemetry", "Sentry", "Tenant"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module(f"{__name__}.{name.lower()}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
