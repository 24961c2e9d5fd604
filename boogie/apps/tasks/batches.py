"""
Batches of rows: ``batch`` makes one, ``Batch`` is its table.
"""

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from django.db import models

if TYPE_CHECKING:
    from boogie.apps.tasks.models import Batch

__all__ = ["Batch", "batch"]


def batch(
    obj: models.Model | None = None,
    title: str = "",
    *,
    on_success: Any = None,
    on_failure: Any = None,
    on_end: Any = None,
) -> "AbstractContextManager[Batch]":
    """
    Return a block that makes a batch of the rows which are made in it, by this thread.

    The batch, its rows, and what the block does to the database are one transaction. ``on_success``
    is called when all rows have finished, ``on_failure`` when the first has failed for good,
    ``on_end`` when all have ended for the first time: Boogie tasks, called as
    ``report(obj, batch)``, without an object as ``report(batch)``, each once, in a row of its own.
    """
    from boogie.apps.tasks.batching import beginning

    callbacks = {"on_success": on_success, "on_failure": on_failure, "on_end": on_end}
    return beginning.block(beginning.drafted(obj, title, callbacks))


def __getattr__(name: str) -> Any:
    if name == "Batch":
        from boogie.apps.tasks.models import Batch

        return Batch
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
