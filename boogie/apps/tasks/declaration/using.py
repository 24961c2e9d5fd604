"""
``task.using(...)``: the same verbs, with other options for the rows that they make.

No model is imported when this is.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, cast

from boogie.apps.tasks import loops
from boogie.apps.tasks.adjusted import Adjusted

from .asynchronous.verbs import AwaitedTaskVerbs
from .each import Each
from .options import check_expires, check_priority, check_queue, check_schedule, check_user
from .scheduled.repeating import Repeating

if TYPE_CHECKING:
    from boogie.apps.tasks.models import Task

O = TypeVar("O")  # noqa: E741 - the object
P = ParamSpec("P")
R = TypeVar("R")

#: What ``using()`` takes.
OPTIONS = ("queue", "priority", "expires", "requested_by")

#: What it takes besides, for ``repeat()`` alone.
OF_SCHEDULES = ("name", "time_zone", "missed")


class Adjustable(Repeating[O, P], Generic[O, P, R]):
    """What other options can be given to."""

    if TYPE_CHECKING:

        def using(
            self,
            *,
            queue: str | None = ...,
            priority: int | None = ...,
            expires: float | timedelta | datetime | None = ...,
            requested_by: Any = ...,
            name: str | None = ...,
            time_zone: Any = ...,
            missed: str = ...,
        ) -> "Using[O, P, R]": ...

    else:

        def using(self, **options):
            """
            Return the same verbs, which make rows with other options; others stay as declared.

            ``queue``, ``priority``, ``expires``: as for ``@task``; ``None``: as if it named none.
            ``requested_by`` is the user who asks for the rows. ``using(...).using(...)`` has both.
            ``name``, ``time_zone`` and ``missed`` are of the schedule that ``repeat()`` makes.
            """
            task, before = self._adjusted
            _check(task.name, options)
            return Using(task, {**before, **options})

    @property
    def _adjusted(self) -> tuple[Any, Mapping[str, Any]]:
        """The task, and the options that were given before."""
        return self, {}


def _check(name: str, options: Mapping[str, Any]) -> None:
    known = (*OPTIONS, *OF_SCHEDULES)
    if unknown := [option for option in options if option not in known]:
        raise TypeError(
            f"{name}: using() takes no option {', '.join(unknown)}; it takes {', '.join(known)}."
        )
    check_schedule({key: options[key] for key in OF_SCHEDULES if options.get(key) is not None})
    check_queue(name, options.get("queue"))
    check_priority(name, options.get("priority"))
    check_expires(name, options.get("expires"))
    check_user(name, options.get("requested_by"))


class Using(AwaitedTaskVerbs[O, P, R], Adjustable[O, P, R], Generic[O, P, R]):
    """A task whose new rows have other options."""

    def __init__(self, task: Any, options: Mapping[str, Any]) -> None:
        self._task = task
        self._options = options
        apart = ("requested_by", *OF_SCHEDULES)
        own = {name: value for name, value in options.items() if name not in apart}
        self._own_maker: Any = Adjusted(task, own) if own else task

    def call(self, obj: O, /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Make a row, run it here and now and return what the function returned."""
        loops.refuse("call", "acall")
        from boogie.apps.tasks.execution import inline

        with self._origin():
            called = inline.call(self._task, cast(Any, obj), args, kwargs, self._maker)
            return cast(R, called)

    def delayed(self, obj: O, /, *args: P.args, **kwargs: P.kwargs) -> "Task":
        """Make a queued row and return it; it runs in the background after commit."""
        loops.refuse("delayed", "adelayed")
        from boogie.apps.tasks.enqueue import one

        with self._origin():
            return one.queued(self._maker, obj, args, kwargs)

    def paused(self, obj: O, /, *args: P.args, **kwargs: P.kwargs) -> "Task":
        """Make a paused row and return it; ``row.run()`` queues it."""
        loops.refuse("paused", "apaused")
        from boogie.apps.tasks.enqueue import one

        with self._origin():
            return one.paused(self._maker, obj, args, kwargs)

    def schedule(
        self, time: float | timedelta | datetime, obj: O, /, *args: P.args, **kwargs: P.kwargs
    ) -> "Task":
        """Make a queued row that starts no earlier than ``time`` and return it."""
        loops.refuse("schedule", "aschedule")
        from boogie.apps.tasks.enqueue import one, times

        when = times.start_time(self._task.name, time)
        with self._origin():
            return one.queued(self._maker, obj, args, kwargs, when)

    @property
    def _maker(self) -> Any:
        """The task as its new rows see it; ``TypeError``: there are options of no row."""
        if unfit := [name for name in OF_SCHEDULES if name in self._options]:
            raise TypeError(
                f"{self._task.name}: {', '.join(unfit)} in using() is of a schedule: repeat(when, "
                f"obj, ...) takes it, and nothing else."
            )
        return self._own_maker

    @property
    def each(self) -> Each[O, P]:
        """Make a row for each of many objects."""
        return Each(self._maker, self._origin)

    @property
    def _adjusted(self) -> tuple[Any, Mapping[str, Any]]:
        return self._task, self._options

    def _origin(self) -> AbstractContextManager[None]:
        """Return the context in which rows are made: with who asks for them, if that was said."""
        if "requested_by" not in self._options:
            return nullcontext()
        from boogie.apps.tasks.enqueue.origin import Origin, coming_from

        return coming_from(Origin(user=self._options["requested_by"]))
