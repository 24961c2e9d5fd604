"""
``@task``: a function, or a ``BoogieTask`` subclass, made a task.
"""

import inspect
from collections.abc import Callable, Coroutine
from typing import (
    TYPE_CHECKING,
    Any,
    Concatenate,
    Literal,
    Protocol,
    overload,
)

from .base import B, BoogieTask, O, P, R
from .factory import build


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
    return build(cls, function, name, base, options)


if TYPE_CHECKING:

    class AsyncTask(BoogieTask[O, P, R]):
        """A task whose function is to be awaited: only a plain call of it is another."""

        def __call__(  # type: ignore[override]
            self, obj: O, /, *args: P.args, **kwargs: P.kwargs
        ) -> Coroutine[Any, Any, R]: ...


class Decorator(Protocol):
    """What ``@task(...)`` with options, ``bind`` not among them, makes a task with."""

    @overload
    def __call__(self, source: type[B], /) -> B: ...
    @overload
    def __call__(
        self, source: Callable[Concatenate[O, P], Coroutine[Any, Any, R]], /
    ) -> "AsyncTask[O, P, R]": ...
    @overload
    def __call__(self, source: Callable[Concatenate[O, P], R], /) -> BoogieTask[O, P, R]: ...


class BoundDecorator(Protocol):
    """What ``@task(bind=True, ...)`` makes a task with."""

    @overload
    def __call__(
        self, source: Callable[Concatenate[Any, O, P], Coroutine[Any, Any, R]], /
    ) -> "AsyncTask[O, P, R]": ...
    @overload
    def __call__(self, source: Callable[Concatenate[Any, O, P], R], /) -> BoogieTask[O, P, R]: ...


@overload
def task(function: type[B], /) -> B: ...


@overload
def task(
    function: Callable[Concatenate[O, P], Coroutine[Any, Any, R]], /
) -> "AsyncTask[O, P, R]": ...


@overload
def task(function: Callable[Concatenate[O, P], R], /) -> BoogieTask[O, P, R]: ...


@overload
def task(*, bind: Literal[True], **options: Any) -> BoundDecorator: ...


@overload
def task(*, bind: Literal[False] = False, **options: Any) -> Decorator: ...


def task(function: Any = None, /, **options: Any) -> Any:
    """
    Make a task of a function, or of a ``BoogieTask`` subclass.

    ``@task``, or ``@task(queue="slow", max_retries=3, ...)`` with Celery's options
    (``name``, ``bind``, ``base``, …) and ours (``atomic``, ``label``, …).
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
    if not inspect.isfunction(function) or function.__name__ == "<lambda>":
        raise TypeError(f"@task decorates functions and BoogieTask subclasses, not {function!r}.")
    return _from_function(function, options)
