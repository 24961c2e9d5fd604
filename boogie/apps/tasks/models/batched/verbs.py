"""
The verbs of a batch, to be awaited in an event loop.
"""

from typing import Any, cast

from django.db import models

from boogie.apps.tasks import loops

from .waiting import await_end


class AwaitedBatchVerbs(models.Model):
    """What the verbs without the ``a`` do, in the thread of whoever awaits it."""

    class Meta:
        abstract = True

    async def acounts(self) -> dict[str, int]:
        """Return how many rows have each status."""
        return cast("dict[str, int]", await self._aside("counts"))

    async def acancel(self) -> int:
        """Cancel its rows that have not ended; return how many moved."""
        return cast(int, await self._aside("cancel"))

    async def aretry(self) -> int:
        """Queue its failed rows again, which reopens it; return how many moved."""
        return cast(int, await self._aside("retry"))

    async def await_end(self, timeout: float | None = None) -> Any:  # noqa: ASYNC109 - as wait()
        """Do what ``wait()`` does, and let the event loop go on meanwhile."""
        return await await_end(self, timeout)

    async def _aside(self, verb: str) -> Any:
        return await loops.aside(getattr(self, verb))
