"""
``task.repeat(...)``: schedules. No model is imported when this is.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, cast

from boogie.apps.tasks import loops

if TYPE_CHECKING:
    from celery.schedules import crontab

    from boogie.apps.tasks.models import Schedule, Task

O = TypeVar("O")  # noqa: E741 - the object
P = ParamSpec("P")


class Repeating(Generic[O, P]):
    """What makes schedules."""

    if TYPE_CHECKING:  # from Adjustable

        @property
        def _adjusted(self) -> tuple[Any, Mapping[str, Any]]: ...

    def repeat(
        self, when: "crontab | timedelta", obj: O, /, *args: P.args, **kwargs: P.kwargs
    ) -> "Schedule":
        """
        Have a row about ``obj`` made at each slot of ``when``; return the schedule.

        ``when`` is a ``crontab`` of Celery's, or a ``timedelta``. A second call with the same
        returns the same schedule. ``using(name=..., time_zone=..., missed=...)`` says more.
        """
        loops.refuse("repeat", "arepeat")
        from boogie.apps.tasks.scheduling import repeating

        task, options = self._adjusted
        return repeating.repeat(task, when, obj, args, kwargs, options)

    async def arepeat(
        self, when: "crontab | timedelta", obj: O, /, *args: P.args, **kwargs: P.kwargs
    ) -> "Schedule":
        """Do what ``repeat()`` does, in an event loop."""
        return cast("Schedule", await loops.aside(self.repeat, when, obj, *args, **kwargs))

    def make_schedule(self, schedule: "Schedule") -> "Task | None":
        """Make the rows of a schedule now: see its ``run_now()``."""
        from boogie.apps.tasks.scheduling import making

        return making.at_once(schedule)
