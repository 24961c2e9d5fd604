"""
``task.using(...)``: the same verbs, with other options for the rows that they make.

No model is imported when this is.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, cast

from django.apps import apps

from boogie.apps.tasks import loops
from boogie.apps.tasks.adjusted import Adjusted
from boogie.apps.tasks.broker import reserved

from .asynchronous.verbs import AwaitedTaskVerbs
from .each import Each
from .known import names
from .options import check_expires, check_priority, check_queue, check_schedule, check_user
from .scheduled.repeating import Repeating

if TYPE_CHECKING:
    from boogie.apps.tasks.models import Batch, Task

O = TypeVar("O")  # noqa: E741 - the object
P = ParamSpec("P")
R = TypeVar("R")

#: What ``using()`` takes.
OPTIONS = ("queue", "priority", "expires", "after", "batch", "requested_by")
#: Of these, what is no option of a task.
OF_ROWS = ("after", "batch", "requested_by")

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
            after: "Task | Iterable[Task] | None" = ...,
            batch: "Batch | None" = ...,
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
            ``after``: a row, rows, or a queryset; new rows start once all of these have finished.
            ``batch``: the batch that they join, which has not ended.
            ``requested_by`` is the user who asks for the rows. ``using(...).using(...)`` has both.
            ``name``, ``time_zone`` and ``missed`` are of the schedule that ``repeat()`` makes.
            """
            task, before = self._adjusted
            _check(task.name, options)
            if options.get("after") is not None:
                options["after"] = _needs(task.name, options["after"])
            if options.get("batch") is not None:
                options["batch"] = _named(task.name, options["batch"])
            return Using(task, {**before, **options})

    @property
    def _adjusted(self) -> tuple[Any, Mapping[str, Any]]:
        """The task, and the options that were given before."""
        return self, {}


def _check(name: str, options: Mapping[str, Any]) -> None:
    known = (*OPTIONS, *OF_SCHEDULES)
    for option in options:
        if option not in known:
            raise TypeError(
                f"{name}: using() takes no option {option}{_advice(option)} It takes "
                f"{', '.join(known)}."
            )
    check_schedule({key: options[key] for key in OF_SCHEDULES if options.get(key) is not None})
    check_queue(name, options.get("queue"))
    _refuse_reserved(name, options.get("queue"))
    check_priority(name, options.get("priority"))
    check_expires(name, options.get("expires"))
    check_user(name, options.get("requested_by"))


def _needs(name: str, after: Any) -> Any:
    """Return the rows of ``after``, checked: an iterable is read here, once."""
    from boogie.apps.tasks.enqueue.chained.given import Needs

    return Needs(name, after)


def _named(name: str, batch: Any) -> Any:
    """Return a batch that new rows join, checked."""
    from boogie.apps.tasks.enqueue.batched.joining import Named

    return Named(name, batch)


def _advice(option: str) -> str:
    """Return what to say in place of an option, up to the full stop."""
    if option in (*names.OURS, *names.CELERYS, *names.HOOKS):
        return f": it belongs to the task, as an option of @task({option}=...)."
    return names.advice(option, (*OPTIONS, *OF_SCHEDULES))


def _refuse_reserved(name: str, queue: str | None) -> None:
    """Raise ``ValueError`` if no worker would find rows in a queue; before Django is ready, not."""
    if queue is not None and apps.ready and (reason := reserved.why(queue)):
        raise ValueError(
            f"{name}: no worker finds rows in the queue {queue!r} on boogie://: {reason}. Choose "
            f"another name."
        )


class Using(AwaitedTaskVerbs[O, P, R], Adjustable[O, P, R], Generic[O, P, R]):
    """A task whose new rows have other options."""

    def __init__(self, task: Any, options: Mapping[str, Any]) -> None:
        self._task = task
        self._options = options
        apart = (*OF_ROWS, *OF_SCHEDULES)
        own = {name: value for name, value in options.items() if name not in apart}
        self._own_maker: Any = Adjusted(task, own) if own else task
        self._needs = options.get("after")

    def call(self, obj: O, /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Make a row, run it here and now and return what the function returned."""
        loops.refuse("call", "acall")
        if self._needs is not None:
            raise TypeError(
                f"{self._task.name}: call() runs it here and now, and with after= it would have to "
                f"wait: use delayed(), or call it without."
            )
        from boogie.apps.tasks.execution import inline

        with self._origin():
            called = inline.call(self._task, cast(Any, obj), args, kwargs, self._maker)
            return cast(R, called)

    def delayed(self, obj: O, /, *args: P.args, **kwargs: P.kwargs) -> "Task":
        """Make a queued row and return it; it runs in the background after commit."""
        loops.refuse("delayed", "adelayed")
        from boogie.apps.tasks.enqueue import one

        return self._made(partial(one.queued, self._maker, obj, args, kwargs))

    def paused(self, obj: O, /, *args: P.args, **kwargs: P.kwargs) -> "Task":
        """Make a paused row and return it; ``row.run()`` queues it."""
        loops.refuse("paused", "apaused")
        from boogie.apps.tasks.enqueue import one

        return self._made(partial(one.paused, self._maker, obj, args, kwargs))

    def schedule(
        self, time: float | timedelta | datetime, obj: O, /, *args: P.args, **kwargs: P.kwargs
    ) -> "Task":
        """Make a queued row that starts no earlier than ``time`` and return it."""
        loops.refuse("schedule", "aschedule")
        from boogie.apps.tasks.enqueue import one, times

        when = times.start_time(self._task.name, time)
        return self._made(partial(one.queued, self._maker, obj, args, kwargs, when))

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
        return Each(self._maker, self._origin, self._needs)

    @property
    def _adjusted(self) -> tuple[Any, Mapping[str, Any]]:
        return self._task, self._options

    def _made(self, make: "Callable[[], Task]") -> "Task":
        """Make a row, with who asks for it, behind the rows that it is after."""
        with self._origin():
            if self._needs is None:
                return make()
            from boogie.apps.tasks.enqueue.chained import behind

            return behind.made(self._needs, make)

    @contextmanager
    def _origin(self) -> Iterator[None]:
        """Be in the context in which rows are made: with who asks for them, and their batch."""
        batch = self._options.get("batch")
        with ExitStack() as stack:
            if "requested_by" in self._options or batch is not None:
                from boogie.apps.tasks.enqueue import origin

            if "requested_by" in self._options:
                user = self._options["requested_by"]
                stack.enter_context(origin.coming_from(origin.Origin(user=user)))
            if batch is not None:
                stack.enter_context(origin.joining(batch))
            yield
