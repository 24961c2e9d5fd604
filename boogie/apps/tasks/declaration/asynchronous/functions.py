"""
``async def`` as a body or a hook: called like a plain function by Celery, which knows no other.

No model is imported when this is.
"""

import inspect
from collections.abc import Awaitable, Callable
from functools import partial, wraps
from typing import Any

from asgiref.sync import iscoroutinefunction

from boogie.apps.tasks import loops

#: What Celery's tracer calls before and after a body, and what we call for its result.
HOOKS = (
    "before_start",
    "on_success",
    "on_failure",
    "on_retry",
    "after_return",
    "serialize_result",
    "deserialize_result",
)

#: What is awaited in place of a function that leads to a hook.
TWINS = {"deserialize_result": ("get_result", "aget_result")}


class Coroutines:
    """The part of a task that knows which of its functions are coroutines."""

    #: Whether its body is one.
    is_async = False
    #: The function as it was declared, if Celery finds a plain one in its place.
    own_run: Any = None
    #: Whether the body or a hook is one.
    has_coroutines = False


def is_coroutine_function(function: Any) -> bool:
    """Return whether a call of ``function`` is to be awaited."""
    while isinstance(function, partial):
        function = function.func
    return bool(iscoroutinefunction(function))


def check(task: Any) -> None:
    """Raise ``TypeError`` if the body of ``task`` can be none."""
    if not task.is_async:
        return
    if task.atomic:
        raise TypeError(
            f"{task.name}: atomic=True is for plain functions. An async body cannot hold a "
            f"transaction open: put what belongs together into a function with "
            f"transaction.atomic(), and await sync_to_async() of it."
        )


def adapt(task: Any) -> None:
    """Have Celery find plain functions in place of the coroutine functions of ``task``."""
    cls = type(task)
    if task.is_async or is_coroutine_function(inspect.unwrap(cls.run)):
        task.own_run = task.run
        task.run = _plain(task, "run", task.run)
    hooks = [name for name in HOOKS if _is_coroutine_anywhere(cls, name)]
    for name in hooks:
        vars(task)[name] = _plain(task, name, getattr(task, name))
    cls.has_coroutines = bool(hooks) or task.own_run is not None


def _is_coroutine_anywhere(cls: type, name: str) -> bool:
    """Return whether one of the functions that may call each other by ``super()`` is one."""
    return any(is_coroutine_function(vars(base).get(name)) for base in cls.__mro__)


def _plain(task: Any, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that calls ``function``, and waits for what is to be awaited."""
    what, twin = TWINS.get(name, (f"{task.name}.{name}", f"{task.name}.acall"))

    @wraps(function, updated=())
    def plain(*args: Any, **kwargs: Any) -> Any:
        loops.refuse(what, twin)
        make = partial(function, *args, **kwargs)
        if not is_coroutine_function(function):
            made = make()
            if not inspect.isawaitable(made):
                return made
            make = partial(_awaited, made)
        from boogie.apps.tasks.execution.coroutines import waiting

        return waiting.complete(task, make, task._current_run if name == "run" else None)

    del plain.__wrapped__  # who unwraps it would await it
    return plain


async def _awaited(made: Awaitable[Any]) -> Any:
    return await made


def called(task: Any, args: Any, kwargs: Any) -> Any:
    """Call the function of a task that was adapted, as Celery calls that of others: no row."""
    if task.is_async:
        return _called(task, args, kwargs)
    task.push_request(args=args, kwargs=kwargs)
    try:
        return task.own_run(*args, **kwargs)
    finally:
        task.pop_request()


async def _called(task: Any, args: Any, kwargs: Any) -> Any:
    task.push_request(args=args, kwargs=kwargs)
    try:
        return await task.own_run(*args, **kwargs)
    finally:
        task.pop_request()
