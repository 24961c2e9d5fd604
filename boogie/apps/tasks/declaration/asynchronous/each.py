"""
``task.aeach``: rows about many objects, made from an event loop. No model is imported when this is.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, overload

from boogie.apps.tasks import loops
from boogie.apps.tasks.declaration.each import Each, Time

if TYPE_CHECKING:
    from boogie.apps.tasks.models import TaskQuerySet

O = TypeVar("O")  # noqa: E741 - the object
P = ParamSpec("P")


class AwaitedEach(Generic[O, P]):
    """What ``each`` does, to be awaited."""

    def __init__(self, each: Each[O, P]) -> None:
        self._each = each

    @overload
    async def __call__(
        self, objects: Iterable[O], /, *args: P.args, **kwargs: P.kwargs
    ) -> "TaskQuerySet": ...
    @overload
    async def __call__(
        self, objects: Iterable[O], /, *args: Any, chunk_size: int, **kwargs: Any
    ) -> "TaskQuerySet": ...
    async def __call__(self, objects: Any, /, *args: Any, **kwargs: Any) -> "TaskQuerySet":
        """Make queued rows; they run in the background after commit."""
        make: Callable[..., TaskQuerySet] = self._each
        return await loops.aside(make, objects, *args, **kwargs)

    @overload
    async def paused(
        self, objects: Iterable[O], /, *args: P.args, **kwargs: P.kwargs
    ) -> "TaskQuerySet": ...
    @overload
    async def paused(
        self, objects: Iterable[O], /, *args: Any, chunk_size: int, **kwargs: Any
    ) -> "TaskQuerySet": ...
    async def paused(self, objects: Any, /, *args: Any, **kwargs: Any) -> "TaskQuerySet":
        """Make paused rows; ``await rows.arun()`` queues them."""
        make: Callable[..., TaskQuerySet] = self._each.paused
        return await loops.aside(make, objects, *args, **kwargs)

    @overload
    async def schedule(
        self, time: Time, objects: Iterable[O], /, *args: P.args, **kwargs: P.kwargs
    ) -> "TaskQuerySet": ...
    @overload
    async def schedule(
        self, time: Time, objects: Iterable[O], /, *args: Any, chunk_size: int, **kwargs: Any
    ) -> "TaskQuerySet": ...
    async def schedule(
        self, time: Time, objects: Any, /, *args: Any, **kwargs: Any
    ) -> "TaskQuerySet":
        """Make queued rows that start no earlier than ``time``, which is as for ``schedule()``."""
        make: Callable[..., TaskQuerySet] = self._each.schedule
        return await loops.aside(make, time, objects, *args, **kwargs)
