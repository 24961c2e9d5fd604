"""
What a task does, to be awaited in an event loop. No model is imported when this is.

Each is done by its twin without the ``a``, in the thread of the connections of whoever awaits it.
"""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, cast

from boogie.apps.tasks import loops

from .each import AwaitedEach

if TYPE_CHECKING:
    from boogie.apps.tasks.models import Task

O = TypeVar("O")  # noqa: E741 - the object
P = ParamSpec("P")
R = TypeVar("R")


class AwaitedTaskVerbs(Generic[O, P, R]):
    """What makes rows."""

    async def acall(self, obj: O, /, *args: P.args, **kwargs: P.kwargs) -> R:
        """
        Do what ``call()`` does.

        A coroutine runs in the event loop that awaits it, a plain function in a thread.
        """
        return cast(R, await loops.call_aside(self._twin.call, obj, *args, **kwargs))

    async def adelayed(self, obj: O, /, *args: P.args, **kwargs: P.kwargs) -> "Task":
        """Make a queued row and return it; it runs in the background after commit."""
        return cast("Task", await loops.aside(self._twin.delayed, obj, *args, **kwargs))

    async def apaused(self, obj: O, /, *args: P.args, **kwargs: P.kwargs) -> "Task":
        """Make a paused row and return it; ``await row.arun()`` queues it."""
        return cast("Task", await loops.aside(self._twin.paused, obj, *args, **kwargs))

    async def aschedule(
        self, time: float | timedelta | datetime, obj: O, /, *args: P.args, **kwargs: P.kwargs
    ) -> "Task":
        """Make a queued row that starts no earlier than ``time`` and return it."""
        return cast("Task", await loops.aside(self._twin.schedule, time, obj, *args, **kwargs))

    @property
    def aeach(self) -> AwaitedEach[O, P]:
        """What ``each`` does: ``await aeach(objects, ...)``, ``await aeach.paused(...)``, …."""
        return AwaitedEach(self._twin.each)

    @property
    def _twin(self) -> Any:
        return self


class AwaitedHistory(Generic[O]):
    """What deletes rows, and what a body asks of its own."""

    async def aclean(
        self, obj: O | None = None, keep_last: bool = False, finished: bool = True
    ) -> int:
        """Delete rows, never running ones, and return how many."""
        task: Any = self
        return cast(int, await loops.aside(task.clean, obj, keep_last, finished))

    async def acheck_cancelled(self) -> None:
        """Do what ``check_cancelled()`` does, and let the event loop go on meanwhile."""
        from boogie.apps.tasks.execution import cancellation

        task: Any = self
        if (run := task._current_run) is not None:
            await cancellation.acheck(run)
