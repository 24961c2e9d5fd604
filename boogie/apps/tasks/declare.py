"""
Declaring tasks: ``BoogieTask`` and ``@task``.

Nothing here may import models when the module is imported: users decorate
functions in ``models.py`` and in packages' ``__init__``, before Django is
ready. The rooms below are imported by the methods that need them.
"""

import inspect
from collections.abc import Callable
from typing import (
    TYPE_CHECKING,
    Any,
    Concatenate,
    Generic,
    Literal,
    ParamSpec,
    TypeVar,
    cast,
    overload,
)

from celery.app.autoretry import add_autoretry_behaviour
from celery.contrib.django.task import DjangoTask
from celery.exceptions import Ignore, MaxRetriesExceededError, Retry
from celery.utils.functional import head_from_fun
from django.core.exceptions import ImproperlyConfigured

from . import registry
from .exceptions import ArgumentError

if TYPE_CHECKING:
    from .execute import Run
    from .models import Task
    from .querysets import Results, TaskQuerySet

O = TypeVar("O")  # noqa: E741 - the object
P = ParamSpec("P")
R = TypeVar("R")
B = TypeVar("B", bound="BoogieTask[Any, ..., Any]")

#: Options of Celery's that are no attributes of its task class.
AUTORETRY_OPTIONS = ["autoretry_for", "dont_autoretry_for", "retry_kwargs", "retry_backoff", "retry_backoff_max", "retry_jitter"]

#: What may be asked of ``self.retry()`` besides its named parameters.
RETRY_OPTIONS = frozenset({"queue", "priority"})


class BoogieTask(DjangoTask, Generic[O, P, R]):
    """
    A task about a model instance. A real Celery task class.

    Subclass it, define ``run(self, obj, ...)`` and any hooks, and register it
    with :meth:`as_task`. Hooks of Celery get the real ``args`` (the object
    first) and ``kwargs``; in them and in ``run``, ``self.row`` is the row.
    """

    #: The queue; ``None``: Celery's ``task_routes`` decides.
    queue: str | None = None
    #: 0 to 9; higher runs sooner on every broker. ``None``: ``task_default_priority``, or 0.
    priority: int | None = None
    #: Whether the body and the settling of its row share one transaction.
    atomic: bool = False
    #: Whether a run whose worker died may be started again.
    rescue: bool = True

    Request = "boogie.apps.tasks.worker:BoogieRequest"
    ignore_result = True

    #: What was decorated: a function, or a ``BoogieTask`` subclass.
    declared_from: Any = None
    _check_call: Any = None

    # --- to override ------------------------------------------------------------------

    def serialize_result(self, result: R) -> Any:
        """Return JSON-compatible data for what ``run`` returned; it is stored in the row."""
        return result

    def deserialize_result(self, data: Any) -> Any:
        """Return what :meth:`serialize_result` got; the inverse, used by ``results()``."""
        return data

    # --- declaring --------------------------------------------------------------------

    @classmethod
    def as_task(cls, *, base: type | None = None, **options: Any) -> "BoogieTask[O, P, R]":
        """
        Register this class and return the task.

        ``options`` are attributes of the class, as ``View.as_view()`` has it:
        Celery's (``name``, ``queue``, ``max_retries``, …) and ours. ``base`` is a
        Celery task class that is put in front of this one.
        """
        if not callable(getattr(cls, "run", None)) or cls.run is DjangoTask.run:
            raise ImproperlyConfigured(f"{cls.__qualname__} must define run(self, obj, ...).")
        name = options.pop("name", None) or cls.__dict__.get("name")
        return _declare(cls, cls, name or f"{cls.__module__}.{cls.__name__}", base, options)

    # --- calling ----------------------------------------------------------------------

    if TYPE_CHECKING:

        def __call__(self, obj: O, /, *args: P.args, **kwargs: P.kwargs) -> R: ...

    else:

        def __call__(self, *args, **kwargs):
            """Call the function: in a worker on the request of the run, else as Celery does."""
            run = self._current_run
            if run is None or run.in_body:
                return super().__call__(*args, **kwargs)
            run.in_body = True
            return self.run(*args, **kwargs)

    def call(self, obj: O, /, *args: P.args, **kwargs: P.kwargs) -> R:
        """
        Make a row, run it here and now and return what the function returned.

        An exception is recorded in the row and raised unchanged. A retry is made
        at once; time limits do not apply.
        """
        from . import execute

        return cast(R, execute.call(self, cast(Any, obj), args, kwargs))

    def delayed(self, obj: O, /, *args: P.args, **kwargs: P.kwargs) -> "Task":
        """Make a queued row and return it; it runs in the background after commit."""
        from . import enqueue

        return enqueue.queued(self, obj, args, kwargs)

    def paused(self, obj: O, /, *args: P.args, **kwargs: P.kwargs) -> "Task":
        """Make a paused row and return it; ``row.run()`` queues it."""
        from . import enqueue

        return enqueue.paused(self, obj, args, kwargs)

    def schedule(self, time: Any, obj: O, /, *args: P.args, **kwargs: P.kwargs) -> "Task":
        """
        Make a queued row that starts no earlier than ``time`` and return it.

        ``time`` is a number of seconds or a ``timedelta`` from now, or a
        ``datetime`` (naive: in the current time zone).
        """
        from . import enqueue

        when = enqueue.start_time(self.name, time)
        return enqueue.queued(self, obj, args, kwargs, when)

    # --- reading ----------------------------------------------------------------------

    def tasks(self, obj: O | None = None) -> "TaskQuerySet":
        """Return all rows of this task, or those about ``obj``."""
        from .models import Task

        rows = Task.objects.named(self.name)
        return rows if obj is None else rows.for_object(cast(Any, obj))

    def finished(self, obj: O | None = None) -> "TaskQuerySet":
        """Return the finished rows of this task, or those about ``obj``."""
        return self.tasks(obj).finished()

    def results(self, obj: O | None = None) -> "Results":
        """Return the deserialized results of finished rows, in order of creation."""
        return self.tasks(obj).results()

    def clean(self, obj: O | None = None, keep_last: bool = False, finished: bool = True) -> int:
        """
        Delete rows, never running ones, and return how many.

        ``finished``: only rows that have ended; else paused and queued ones too.
        ``keep_last``: keep the finished row created last for each object.
        """
        return self.tasks(obj).clean(keep_last=keep_last, finished=finished)

    # --- during a run -----------------------------------------------------------------

    @property
    def row(self) -> "Task | None":
        """The row of the current run; ``None`` when the function was simply called."""
        run = self._current_run
        return None if run is None else run.row

    @property
    def _current_run(self) -> "Run | None":
        if (
            not self.__bound__
        ):  # Celery binds tasks when it finalizes an app; we may be called before
            type(self).bind(registry.celery_app())
        return self.request.get("boogie_run")

    def retry(  # type: ignore[override]
        self,
        args: Any = None,
        kwargs: dict[str, Any] | None = None,
        exc: BaseException | None = None,
        throw: bool = True,
        eta: Any = None,
        countdown: float | None = None,
        max_retries: int | None = None,
        **options: Any,
    ) -> Retry:
        """
        Run this row again later, as Celery's ``retry`` does with a message.

        The row goes back to ``queued``, due after ``countdown`` seconds (default
        ``default_retry_delay``) or at ``eta``. ``args`` (the object first) and
        ``kwargs`` replace the row's. ``options``: ``queue`` and ``priority``.
        """
        run = self._current_run
        if run is None:
            return cast(Retry, super().retry(args, kwargs, exc, throw, eta, countdown, max_retries))
        limit = self.max_retries if max_retries is None else max_retries
        changes = self._retry_changes(run, args, kwargs, options)
        if limit is not None and run.row.retries + 1 > limit:
            raise exc or MaxRetriesExceededError(
                f"Can't retry {self.name}[{run.row.pk}]: {limit} retries are over",
                task_args=run.args,
                task_kwargs=run.kwargs,
            )
        run.changes = changes
        when = eta if eta is not None else self._delay(countdown)
        retry = Retry(exc=exc, when=_moment(when))
        if throw:
            raise retry
        run.postponed = retry
        return retry

    def _delay(self, countdown: float | None) -> float:
        return float(self.default_retry_delay if countdown is None else countdown)

    def _retry_changes(
        self, run: "Run", args: Any, kwargs: dict[str, Any] | None, options: dict[str, Any]
    ) -> dict[str, Any]:
        """Return what the retry changes in the row, checked as an enqueue checks it."""
        from . import arguments

        if unknown := options.keys() - RETRY_OPTIONS:
            raise TypeError(
                f"{self.name}: retry() takes no option {', '.join(sorted(unknown))}; "
                f"besides its parameters it takes {' and '.join(sorted(RETRY_OPTIONS))}."
            )
        changes = dict(options)
        if args is not None or kwargs is not None:
            new_args = list(run.args if args is None else args)
            new_kwargs = dict(run.kwargs if kwargs is None else kwargs)
            if not new_args or new_args[0] != run.args[0]:
                raise ArgumentError(f"{self.name}: retry() must keep the object as first argument.")
            self.check_call(*new_args, **new_kwargs)
            changes["args"], changes["kwargs"] = arguments.pack_arguments(
                self.name, tuple(new_args[1:]), new_kwargs
            )
        return changes

    def check_call(self, *args: Any, **kwargs: Any) -> None:
        """Raise the ``TypeError`` that calling the function would, without calling it."""
        self._check_call(*args, **kwargs)

    @property
    def row_priority(self) -> int:
        """The priority that a new row gets."""
        return int(self.priority or 0)

    # --- what would go round the row --------------------------------------------------

    def apply_async(self, *args: Any, **options: Any) -> Any:
        """Refuse: a message without a row would run nothing."""
        raise TypeError(
            f"{self.name} is a Boogie task: use delayed(obj, ...) or schedule(time, obj, ...) "
            f"in place of delay() and apply_async()."
        )

    def apply(self, *args: Any, **options: Any) -> Any:
        """Refuse: see ``call()``."""
        raise TypeError(f"{self.name} is a Boogie task: use call(obj, ...) in place of apply().")


class Gate:
    """
    Stands in front of every registered task: a worker's run passes only with a claimed row.

    Celery swallows the exceptions of signal receivers, so the claim made by the
    receiver of ``task_prerun`` is looked for here, before any hook or body.
    """

    def before_start(self, task_id: str, args: Any, kwargs: Any) -> None:
        run = cast(Any, self)._current_run
        if run is None:
            raise Ignore(f"{task_id} is not to be run: it was claimed, moved or deleted before")
        if run.gone is not None:
            raise run.gone
        super().before_start(task_id, args, kwargs)  # type: ignore[misc]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        task = cast("BoogieTask[Any, ..., Any]", self)
        run = task._current_run
        if run is None and not task.request.called_directly:
            raise Ignore(f"{task.request.id} has no claimed row")
        if run is None or run.entered:  # a plain call of the function
            return super().__call__(*args, **kwargs)  # type: ignore[misc]
        from . import execute

        run.entered = True
        return execute.perform(task, run, super().__call__)  # type: ignore[misc]


def _moment(when: Any) -> Any:
    from . import enqueue

    return when if isinstance(when, float) else enqueue.stored(when)


def _declare(
    cls: type, source: Any, name: str, base: type | None, options: dict[str, Any]
) -> "BoogieTask[Any, ..., Any]":
    """Build the concrete class of a task, and register its one instance."""
    bases = (Gate, cls) if base is None or issubclass(cls, base) else (Gate, base, cls)
    own = {key: options.pop(key) for key in ("queue", "priority") if key in options}
    _check_options(cls, name, {**options, **own})
    members = {
        **options,
        "name": name,
        "declared_from": staticmethod(source) if inspect.isfunction(source) else source,
        "__module__": source.__module__,
        "__qualname__": source.__qualname__,
        "__doc__": source.__doc__,
    }
    task = type(cls.__name__, bases, members)()
    # On the instance: Celery 5.7 warns of these as attributes of a class.
    vars(task).update(own)
    _check_task(task)
    add_autoretry_behaviour(task)
    registry.register(task)
    return cast("BoogieTask[Any, ..., Any]", task)


def _check_options(cls: type, name: str, options: dict[str, Any]) -> None:
    for key in options:
        if not hasattr(cls, key) and key not in AUTORETRY_OPTIONS:
            raise TypeError(
                f"{name}: unknown option {key!r}. Options are attributes of Celery's task class "
                f"and of BoogieTask."
            )


def _check_task(task: Any) -> None:
    """Check what can be known of a task when it is declared."""
    priority = task.priority
    if priority is not None and (type(priority) is not int or not 0 <= priority <= 9):
        raise ValueError(
            f"{task.name}: priority must be a whole number from 0 to 9, not {priority!r}."
        )
    if task.queue is not None and not (isinstance(task.queue, str) and task.queue):
        raise ValueError(f"{task.name}: queue must be a name, not {task.queue!r}.")
    if len(task.name) > 255:
        raise ValueError(f"{task.name}: the name of a task has at most 255 characters.")
    function = inspect.unwrap(type(task).run)
    task._check_call = head_from_fun(type(task).run, bound=not _is_static(type(task)))
    if not _takes_object(task, function):
        raise TypeError(
            f"{task.name}: a task function takes a model instance as its first argument."
        )


def _is_static(cls: type) -> bool:
    return isinstance(inspect.getattr_static(cls, "run"), staticmethod)


def _takes_object(task: Any, function: Any) -> bool:
    parameters = list(inspect.signature(function).parameters.values())
    own = parameters if _is_static(type(task)) else parameters[1:]
    first = own[0].kind if own else None
    return first in (
        inspect.Parameter.POSITIONAL_ONLY,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        inspect.Parameter.VAR_POSITIONAL,
    )


def _from_function(function: Callable[..., Any], options: dict[str, Any]) -> Any:
    options = dict(options)
    base = options.pop("base", None)
    bind = options.pop("bind", False)
    name = options.pop("name", None) or f"{function.__module__}.{function.__name__}"
    cls = type(
        function.__name__,
        (BoogieTask,),
        {
            "run": function if bind else staticmethod(function),
            "__module__": function.__module__,
            "__wrapped__": staticmethod(function),
        },
    )
    return _declare(cls, function, name, base, options)


@overload
def task(function: type[B], /) -> B: ...
@overload
def task(function: Callable[Concatenate[O, P], R], /) -> BoogieTask[O, P, R]: ...
@overload
def task(
    *, bind: Literal[True], **options: Any
) -> Callable[[Callable[Concatenate[Any, O, P], R]], BoogieTask[O, P, R]]: ...
@overload
def task(
    *, bind: Literal[False] = False, **options: Any
) -> Callable[[Callable[Concatenate[O, P], R]], BoogieTask[O, P, R]]: ...
def task(function: Any = None, /, **options: Any) -> Any:
    """
    Make a task of a function, or of a ``BoogieTask`` subclass.

    ``@task``, or ``@task(queue="slow", max_retries=3, ...)`` with Celery's options
    (``name``, ``bind``, ``base``, …) and ours (``atomic``, ``rescue``).
    """
    if function is None:
        return lambda source: task(source, **options)
    if isinstance(function, type):
        if not issubclass(function, BoogieTask):
            raise TypeError(
                f"@task decorates functions and BoogieTask subclasses, not {function!r}."
            )
        if "bind" in options:
            raise TypeError(f"{function.__qualname__}: bind is for functions; a class has self.")
        return function.as_task(**options)
    if not inspect.isfunction(function):
        raise TypeError(f"@task decorates functions and BoogieTask subclasses, not {function!r}.")
    return _from_function(function, options)
