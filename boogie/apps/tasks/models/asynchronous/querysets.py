"""
The verbs of querysets, to be awaited in an event loop.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from django.db import models

from boogie.apps.tasks import loops

V = TypeVar("V", bound=Callable[..., Any])


def not_on_managers(verb: V) -> V:
    """Keep a verb off ``Task.objects``: moving every row there is takes an explicit ``.all()``."""
    verb.queryset_only = True  # type: ignore[attr-defined]
    return verb


class AwaitedQuerySetVerbs:
    """What the verbs without the ``a`` do, in the thread of whoever awaits it."""

    @not_on_managers
    async def arun(self) -> int:
        """Queue the paused rows; they start within about a second."""
        return await self._aside("run")

    @not_on_managers
    async def apause(self) -> int:
        """Pause the queued rows."""
        return await self._aside("pause")

    @not_on_managers
    async def acancel(self, terminate: bool = False) -> int:
        """Cancel the rows that have not ended; ``terminate``: kill the processes that run them."""
        return await self._aside("cancel", terminate)

    @not_on_managers
    async def aretry(self) -> int:
        """Queue the failed and cancelled rows again; they start within about a second."""
        return await self._aside("retry")

    @not_on_managers
    async def arun_now(self) -> int:
        """Have queued rows that wait for their time start at once."""
        return await self._aside("run_now")

    @not_on_managers
    async def aacknowledge(self, by: models.Model | None = None) -> int:
        """Have the failed rows no longer count as open: ``by`` has seen them."""
        return await self._aside("acknowledge", by)

    @not_on_managers
    async def aclean(self, keep_last: bool = False, finished: bool = True) -> int:
        """Delete rows, never running ones, and return how many."""
        return await self._aside("clean", keep_last, finished)

    @not_on_managers
    async def aerase(self) -> int:
        """Blank what the rows carry; return how many."""
        return await self._aside("erase")

    async def _aside(self, verb: str, *args: Any) -> int:
        return cast(int, await loops.aside(getattr(self, verb), *args))
