"""
``task.using(...)``: the same verbs, with other options for the rows that they make.
"""

from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar

from .each import Each

if TYPE_CHECKING:
    from boogie.apps.tasks.models import Task

O = TypeVar("O")  # noqa: E741 - the object
P = ParamSpec("P")
R = TypeVar("R")


class Using(Generic[O, P, R]):
    """A task whose new rows are requested by somebody."""

    def __init__(self, task: Any, requested_by: Any) -> None:
        self._task = task
        self._requested_by = requested_by

    def call(self, obj: O, /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Make a row, run it here and now and return what the function returned."""
        with self._origin():
            result: R = self._task.call(obj, *args, **kwargs)
            return result

    def delayed(self, obj: O, /, *args: P.args, **kwargs: P.kwargs) -> "Task":
        """Make a queued row and return it; it runs in the background after commit."""
        with self._origin():
            row: Task = self._task.delayed(obj, *args, **kwargs)
            return row

    def paused(self, obj: O, /, *args: P.args, **kwargs: P.kwargs) -> "Task":
        """Make a paused row and return it; ``row.run()`` queues it."""
        with self._origin():
            row: Task = self._task.paused(obj, *args, **kwargs)
            return row

    def schedule(
        self, time: float | timedelta | datetime, obj: O, /, *args: P.args, **kwargs: P.kwargs
    ) -> "Task":
        """Make a queued row that starts no earlier than ``time`` and return it."""
        with self._origin():
            row: Task = self._task.schedule(time, obj, *args, **kwargs)
            return row

    @property
    def each(self) -> Each[O, P]:
        """Make a row for each of many objects."""
        return Each(self._task, self._origin)

    def _origin(self) -> AbstractContextManager[None]:
        from boogie.apps.tasks.enqueue.origin import Origin, coming_from

        return coming_from(Origin(user=self._requested_by))
