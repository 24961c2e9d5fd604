"""
The class of tasks whose backend is ours, with the options that ``@task`` may have then.

They mean what they mean for a Boogie task. Their defaults are kept out of here: see each.
"""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from boogie.apps.tasks import limits
from boogie.apps.tasks.unique import LIVE, OPTIONS, WAITING, Rule, check_callable, made

from .library import InvalidTask, Task

#: What Celery retries where only one of the two options is given.
USUAL_RETRIES = 3
USUAL_ERRORS: tuple[type[BaseException], ...] = (Exception,)


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionTask(Task):  # type: ignore[misc]
    """A function whose runs are rows."""

    #: How often it is retried; alone: after every ``Exception``.
    max_retries: int | None = None
    #: After which exceptions; alone: three times at most.
    autoretry_for: tuple[type[BaseException], ...] = ()
    #: After which not, though they are among these.
    dont_autoretry_for: tuple[type[BaseException], ...] = ()
    #: Seconds between two attempts, instead of 1, 2, 4, 8, … of ``retry_backoff``.
    default_retry_delay: float | None = None
    #: The first of these, or whether there are any; the longest; whether they are drawn by lot.
    retry_backoff: float | bool = True
    retry_backoff_max: float = 600
    retry_jitter: bool = True
    #: Whether the body and the settling of its row share one transaction.
    atomic: bool = False
    #: Whether a run whose worker died may be started again.
    rescue: bool = True
    #: Seconds after which the process of a body is killed, and after which it is told before.
    time_limit: float | None = None
    soft_time_limit: float | None = None
    #: Seconds, or a ``timedelta``, from when it may start, or a time: who has not started by then
    #: is cancelled.
    expires: float | timedelta | datetime | None = None
    #: How many run at the same time, how many start in a time; by "task" or a callable.
    limits: Any = None
    #: ``"live"`` (or ``True``): one row is queued or running; ``"waiting"``: one is queued.
    unique: bool | str | None = None
    #: Names of arguments that make a difference, or a callable ``(*args, **kwargs)``.
    unique_by: Any = None
    #: Seconds from the last call to the start, and at most from the first.
    debounce: float | None = None
    debounce_max: float | None = None


def options_of(task: Any) -> FunctionTask | None:
    """Return the task as one that has these options, or ``None``: it was made by another class."""
    return task if isinstance(task, FunctionTask) else None


def check(task: Any) -> None:
    """Raise ``InvalidTask`` for a value that an option does not take."""
    own = options_of(task)
    if own is None:
        return
    path = own.module_path
    for name, (expected, is_fit) in EXPECTED.items():
        if not is_fit(value := getattr(own, name)):
            raise InvalidTask(f"{path}: {name} must be {expected}, not {value!r:.80}.")
    _check_limits(path, own)
    try:
        rule_of(own)
    except (TypeError, ValueError) as error:
        raise InvalidTask(str(error)) from error


def _check_limits(path: str, task: FunctionTask) -> None:
    try:
        declared = limits.declare([path], task.limits)
        for one in declared:
            if callable(by := one.limit.by):
                parameters = _parameters(task.func, task.takes_context)
                check_callable(path, f"by={by!r:.80} of a limit", by, parameters)
    except (TypeError, ImproperlyConfigured) as error:
        raise InvalidTask(str(error)) from error
    for one in declared:
        if one.limit.by != limits.TASK and not callable(one.limit.by):
            raise InvalidTask(
                f"{path}: a function is about no object, which {one.limit!r} asks for. Say "
                f"by='task', or by=a callable that takes its arguments."
            )


def _parameters(function: Any, takes_context: bool) -> list[inspect.Parameter]:
    """Return the parameters of a function that are arguments."""
    found = list(inspect.signature(function).parameters.values())
    return found[1 if takes_context else 0 :]


def rule_of(task: Any) -> Rule | None:
    """Return of which calls of a function one row is enough; ``None``: each makes one."""
    own = options_of(task)
    if own is None or all(getattr(own, name) is None for name in OPTIONS):
        return None
    by = own.unique_by
    by = tuple(by) if isinstance(by, list | set | frozenset) else by
    options = (own.unique, by, own.debounce, own.debounce_max)
    return _rule(own.module_path, own.func, own.takes_context, options)


@lru_cache(1024)
def _rule(path: str, function: Any, takes_context: bool, options: tuple[Any, ...]) -> Rule | None:
    own = SimpleNamespace(**dict(zip(OPTIONS, options, strict=True)))
    return made(path, own, _parameters(function, takes_context), about=0)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return value is None or (type(value) is int and value >= 0)


def _are_errors(value: Any) -> bool:
    return isinstance(value, tuple | list) and all(
        isinstance(one, type) and issubclass(one, BaseException) for one in value
    )


def _is_longest(value: Any) -> bool:
    return _is_number(value) and value > 0


def _is_length(value: Any) -> bool:
    return value is None or _is_longest(value)


def _is_delay(value: Any) -> bool:
    return value is None or (_is_number(value) and value >= 0)


def _is_backoff(value: Any) -> bool:
    return isinstance(value, bool) or _is_length(value)


def _is_expiry(value: Any) -> bool:
    if isinstance(value, timedelta):
        return value > timedelta(0)
    return isinstance(value, datetime) or _is_length(value)


def _is_mode(value: Any) -> bool:
    return value is None or isinstance(value, bool) or value in (LIVE, WAITING)


def _is_difference(value: Any) -> bool:
    return value is None or callable(value) or isinstance(value, list | tuple | set | frozenset)


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


_ERRORS = ("a tuple of exception classes", _are_errors)
_LENGTH = ("a positive number of seconds", _is_length)
_FLAG = ("True or False", _is_flag)

#: Of each option what it takes.
EXPECTED: Mapping[str, tuple[str, Any]] = {
    "max_retries": ("a whole number, 0 or more", _is_count),
    "autoretry_for": _ERRORS,
    "dont_autoretry_for": _ERRORS,
    "default_retry_delay": ("a number of seconds, 0 or more", _is_delay),
    "retry_backoff": ("a positive number of seconds, True or False", _is_backoff),
    "retry_backoff_max": ("a positive number of seconds", _is_longest),
    "retry_jitter": _FLAG,
    "atomic": _FLAG,
    "rescue": _FLAG,
    "time_limit": _LENGTH,
    "soft_time_limit": _LENGTH,
    "expires": ("a positive number of seconds, a timedelta, or a datetime", _is_expiry),
    "unique": ("'live' (or True) or 'waiting'", _is_mode),
    "unique_by": ("a list of names of arguments, or a callable", _is_difference),
    "debounce": _LENGTH,
    "debounce_max": _LENGTH,
}
