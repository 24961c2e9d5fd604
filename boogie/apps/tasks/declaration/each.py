"""
``task.each``: rows about many objects. No model is imported when this is.
"""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeAlias, TypeVar, overload

from boogie.apps.tasks import loops
from boogie.apps.tasks.protocols import Declaration

if TYPE_CHECKING:
    from boogie.apps.tasks.models import TaskQuerySet

O = TypeVar("O")  # noqa: E741 - the object
P = ParamSpec("P")
Time: TypeAlias = float | timedelta | datetime
Around: TypeAlias = Callable[[], AbstractContextManager[None]]


class Each(Generic[O, P]):
    """
    Makes a row for each of many objects and returns the queryset of these rows.

    ``objects`` is a queryset, of which only primary keys are read, or an
    iterable of instances. All rows are inserted in one transaction; with
    ``chunk_size`` in one for each so many rows, and those before an error stay.
    The keyword is ours: a task with a parameter of that name gets it by position.
    """

    def __init__(self, task: Declaration, around: Around = nullcontext, needs: Any = None) -> None:
        self._task = task
        #: Makes the context in which rows are made.
        self._around = around
        #: The rows that they are after.
        self._needs = needs

    @overload
    def __call__(
        self, objects: Iterable[O], /, *args: P.args, **kwargs: P.kwargs
    ) -> "TaskQuerySet": ...
    @overload
    def __call__(
        self, objects: Iterable[O], /, *args: Any, chunk_size: int, **kwargs: Any
    ) -> "TaskQuerySet": ...
    def __call__(self, objects: Any, /, *args: Any, **kwargs: Any) -> "TaskQuerySet":
        """Make queued rows; they run in the background after commit."""
        loops.refuse("each", "aeach")
        from boogie.apps.tasks.enqueue import many

        size = kwargs.pop("chunk_size", None)
        with self._around():
            return many.queued(self._task, objects, args, kwargs, None, size, self._needs)

    @overload
    def paused(
        self, objects: Iterable[O], /, *args: P.args, **kwargs: P.kwargs
    ) -> "TaskQuerySet": ...
    @overload
    def paused(
        self, objects: Iterable[O], /, *args: Any, chunk_size: int, **kwargs: Any
    ) -> "TaskQuerySet": ...
    def paused(self, objects: Any, /, *args: Any, **kwargs: Any) -> "TaskQuerySet":
        """Make paused rows; the queryset's ``run()`` queues them."""
        loops.refuse("each.paused", "aeach.paused")
        from boogie.apps.tasks.enqueue import many

        size = kwargs.pop("chunk_size", None)
        with self._around():
            return many.paused(self._task, objects, args, kwargs, size, self._needs)

    @overload
    def schedule(
        self, time: Time, objects: Iterable[O], /, *args: P.args, **kwargs: P.kwargs
    ) -> "TaskQuerySet": ...
    @overload
    def schedule(
        self, time: Time, objects: Iterable[O], /, *args: Any, chunk_size: int, **kwargs: Any
    ) -> "TaskQuerySet": ...
    def schedule(self, time: Time, objects: Any, /, *args: Any, **kwargs: Any) -> "TaskQuerySet":
        """Make queued rows that start no earlier than ``time``, which is as for ``schedule()``."""
        loops.refuse("each.schedule", "aeach.schedule")
        from boogie.apps.tasks.enqueue import many, times

        size = kwargs.pop("chunk_size", None)
        when = times.start_time(self._task.name, time)
        with self._around():
            return many.queued(self._task, objects, args, kwargs, when, size, self._needs)
