"""
The verbs of a row, to be awaited in an event loop.
"""

from typing import Any, cast

from django.db import models

from boogie.apps.tasks import loops

from .waiting import await_result


class AwaitedRowVerbs(models.Model):
    """What the verbs without the ``a`` do, in the thread of whoever awaits it."""

    class Meta:
        abstract = True

    async def arun(self) -> bool:
        """paused → queued; keeps ``scheduled_for``. Return whether the row moved."""
        return await self._aside("run")

    async def apause(self) -> bool:
        """queued → paused. Return whether the row moved."""
        return await self._aside("pause")

    async def acancel(self, terminate: bool = False) -> bool:
        """paused, queued or running → cancelled. Return whether the row moved."""
        return await self._aside("cancel", terminate)

    async def aretry(self) -> bool:
        """failed or cancelled → queued, retries counted anew. Return whether the row moved."""
        return await self._aside("retry")

    async def arun_now(self) -> bool:
        """Have a queued row that waits for its time start at once. Return whether it moved."""
        return await self._aside("run_now")

    async def aacknowledge(self, by: models.Model | None = None) -> bool:
        """Have a failed row no longer count as open: ``by`` has seen it."""
        return await self._aside("acknowledge", by)

    async def _aside(self, verb: str, *args: Any) -> bool:
        return cast(bool, await loops.aside(getattr(self, verb), *args))

    async def aget_result(self) -> Any:
        """Return the deserialized result; ``None`` unless the row has finished."""
        row: Any = self
        return await loops.aside(row.get_result)

    async def aget_arguments(self) -> tuple[list[Any], dict[str, Any]]:
        """Return ``(args, kwargs)`` with the instances that they refer to."""
        row: Any = self
        return await loops.aside(row.get_arguments)

    async def aneeds(self) -> list[Any]:
        """Return what ``needs`` is: the rows that it is after; ``None`` for one that was purged."""
        return cast("list[Any]", await loops.aside(getattr, self, "needs"))

    async def await_result(self, timeout: float | None = None) -> Any:  # noqa: ASYNC109 - as wait()
        """
        Do what ``wait()`` does, and let the event loop go on meanwhile.

        Nothing is held between two looks at the row: no thread, and no connection.
        """
        return await await_result(self, timeout)
