"""
``BoogieTask``: what users subclass, and what every task is.

Nothing here may import models when the module is imported: users decorate
functions in their ``models.py`` and in packages' ``__init__``, before Django is
ready. The rooms below are imported by the methods that need them.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, Self, TypeVar, cast

from celery.contrib.django.task import DjangoTask
from django.core.exceptions import ImproperlyConfigured

from boogie.apps.tasks import current_app, loops, policies, registry
from boogie.apps.tasks.limits import Limiting
from boogie.apps.tasks.unique import Unique

from .about.accepted import Checked
from .asynchronous import functions
from .asynchronous.verbs import AwaitedHistory, AwaitedTaskVerbs
from .cancel import Cancelling
from .each import Each
from .factory import annotate, build, parameter_name
from .gate import OfFunctions
from .held.holding import Holding
from .history import History
from .known import names
from .retry import Retrying
from .telling import Telling
from .using import Adjustable

if TYPE_CHECKING:
    from boogie.apps.tasks.execution.run import Run
    from boogie.apps.tasks.models import Task

O = TypeVar("O")  # noqa: E741 - the object
P = ParamSpec("P")
R = TypeVar("R")
B = TypeVar("B", bound="BoogieTask[Any, ..., Any]")


class BoogieTask(
    functions.Coroutines,
    AwaitedTaskVerbs[O, P, R],
    AwaitedHistory[O],
    Adjustable[O, P, R],
    History[O],
    Holding,
    Cancelling,
    Retrying,
    Telling,
    Checked,
    Unique,
    Generic[O, P, R],
):
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
    #: Seconds, or a ``timedelta``, from when a row may start, or a time: one that nobody has
    #: started by then is cancelled.
    expires: float | timedelta | datetime | None = None  # type: ignore[assignment]
    #: How many of its rows run at the same time, how many start in a time.
    limits: Sequence[Limiting] = ()
    #: What becomes of its rows when their object is deleted: ``"keep"``, ``"cancel"`` those that
    #: wait, ``"cascade"``.
    on_delete: str = policies.KEEP
    #: Names that the task had before; rows and doorbells that carry them still run.
    aliases: Sequence[str] = ()
    #: Names of arguments that are shown nowhere.
    sensitive: Sequence[str] = ()
    #: Whether arguments, result, errors and notes of its rows are stored encrypted.
    encrypt: bool = False
    #: The level from which on its rows keep what the body logs; ``None``: ``KEEP_LOG``.
    log: str | None = None
    #: What people read of it; ``None``: the name of the function or class.
    label: Any = None
    #: What it does, for people; ``None``: the first line of the docstring.
    description: Any = None
    #: Whether people are asked once more before it starts.
    danger: bool = False
    #: The model, or ``"app.Model"``, that it is about, where no annotation says so.
    model: Any = None
    #: A form class, or its dotted path, in place of the one that is made from the signature.
    form: Any = None
    #: ``"app.codename"``, or a callable ``(user, obj)``: who may start it on an object.
    permission: Any = None

    Request = "boogie.apps.tasks.worker.request:BoogieRequest"
    ignore_result = True
    from_config = names.FROM_CONFIG

    #: What was decorated: a function, or a ``BoogieTask`` subclass.
    declared_from: Any = None

    if not TYPE_CHECKING:  # type checkers know of neither
        enqueue = OfFunctions()
        aenqueue = OfFunctions()

    # --- to override ------------------------------------------------------------------

    def serialize_result(self, result: R) -> Any:
        """Return JSON-compatible data for what ``run`` returned; it is stored in the row."""
        return result

    def deserialize_result(self, data: Any) -> Any:
        """Return what :meth:`serialize_result` got; the inverse, used by ``results()``."""
        return data

    # --- declaring --------------------------------------------------------------------

    @classmethod
    def as_task(cls, *, base: type | None = None, **options: Any) -> Self:
        """
        Register this class and return the task.

        ``options`` are attributes of the class, as ``View.as_view()`` has it:
        Celery's (``name``, ``queue``, ``max_retries``, …) and ours. ``base`` is a
        Celery task class that is put in front of this one.
        """
        if not callable(getattr(cls, "run", None)) or cls.run is DjangoTask.run:
            raise ImproperlyConfigured(f"{cls.__qualname__} must define run(self, obj, ...).")
        name = options.pop("name", None) or cls.__dict__.get("name")
        task = build(cls, cls, name or f"{cls.__module__}.{cls.__name__}", base, options)
        return cast(Self, task)

    @classmethod
    def annotate(cls) -> None:
        """Apply ``task_annotations``, ``queue`` and ``priority`` as well."""
        super().annotate()
        task = registry.get(cls.name)
        if type(task) is cls:
            annotate(task)

    def _check_call(self, *args: Any, **kwargs: Any) -> None:
        raise ImproperlyConfigured(f"{type(self).__qualname__} is no task yet: as_task() makes it.")

    def ensure_bound(self) -> None:
        """Apply Celery's settings, which it does when it finalizes an app: that may be later."""
        if not self.__bound__:
            type(self).bind(current_app.celery_app())

    # --- calling ----------------------------------------------------------------------

    if TYPE_CHECKING:

        def __call__(self, obj: O, /, *args: P.args, **kwargs: P.kwargs) -> R: ...

    else:

        def __call__(self, *args, **kwargs):
            """Call the function: in a worker on the request of the run, else as Celery does."""
            run = self._current_run
            if run is None or not run.begins():
                if self.own_run is not None:
                    return functions.called(self, args, kwargs)
                return super().__call__(*args, **kwargs)
            return self.run(*args, **kwargs)

    def call(self, obj: O, /, *args: P.args, **kwargs: P.kwargs) -> R:
        """
        Make a row, run it here and now and return what the function returned.

        An exception is recorded in the row and raised unchanged. A retry is made
        at once; time limits do not apply.
        """
        loops.refuse("call", "acall")
        from boogie.apps.tasks.execution import inline

        return cast(R, inline.call(self, cast(Any, obj), args, kwargs))

    def delayed(self, obj: O, /, *args: P.args, **kwargs: P.kwargs) -> "Task":
        """Make a queued row and return it; it runs in the background after commit."""
        loops.refuse("delayed", "adelayed")
        from boogie.apps.tasks.enqueue import one

        return one.queued(self, obj, args, kwargs)

    def paused(self, obj: O, /, *args: P.args, **kwargs: P.kwargs) -> "Task":
        """Make a paused row and return it; ``row.run()`` queues it."""
        loops.refuse("paused", "apaused")
        from boogie.apps.tasks.enqueue import one

        return one.paused(self, obj, args, kwargs)

    def schedule(
        self, time: float | timedelta | datetime, obj: O, /, *args: P.args, **kwargs: P.kwargs
    ) -> "Task":
        """
        Make a queued row that starts no earlier than ``time`` and return it.

        ``time`` is a number of seconds or a ``timedelta`` from now, or a
        ``datetime`` (naive: in the current time zone).
        """
        loops.refuse("schedule", "aschedule")
        from boogie.apps.tasks.enqueue import one, times

        when = times.start_time(self.name, time)
        return one.queued(self, obj, args, kwargs, when)

    @property
    def each(self) -> Each[O, P]:
        """Make a row for each of many objects: ``each(objects, ...)``, ``each.paused(...)``, …."""
        return Each(self)

    # --- during a run -----------------------------------------------------------------

    @property
    def row(self) -> "Task | None":
        """The row of the current run; ``None`` when the function was simply called."""
        run = self._current_run
        return None if run is None else run.row

    @property
    def _current_run(self) -> "Run | None":
        self.ensure_bound()
        run: Run | None = self.request.get("boogie_run")
        return run

    def check_call(self, *args: Any, **kwargs: Any) -> None:
        """Raise the ``TypeError`` that calling the function would, without calling it."""
        self._check_call(*args, **kwargs)

    def parameter(self, position: int) -> str:
        """Return what the argument at ``position`` is called; the object has 0."""
        return parameter_name(self, position)

    @property
    def names(self) -> tuple[str, ...]:
        """The name, then the aliases."""
        return (self.name, *self.aliases)

    @property
    def row_priority(self) -> int:
        """The priority that a new row gets."""
        return int(self.priority or 0)
