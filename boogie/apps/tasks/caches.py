"""
One door to what this process has looked up, connected, and compiled in this thread.

Each room that keeps such things has a ``forget()`` of its own.
"""

from .broker.connection import broker_pool
from .current_app import forget as forget_settings
from .db import compiled, postgresql
from .execution import start
from .models import columns


def forget() -> None:
    """Look everything up again: tables, settings or servers have changed (tests, notebooks)."""
    forget_settings()
    compiled.forget()
    postgresql.forget()
    columns.forget()
    start.forget()
    broker_pool.forget()
