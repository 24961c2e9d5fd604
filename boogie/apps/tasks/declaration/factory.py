"""
Building the class of one task: its options, checks, and place in the registry.

No model is imported when this is.
"""

import inspect
from collections.abc import Collection
from typing import Any, cast

from celery.app.annotations import resolve_all as resolve_all_annotations
from celery.app.autoretry import add_autoretry_behaviour
from celery.utils.functional import head_from_fun

from boogie.apps.tasks import limits, policies, registry, unique
from boogie.apps.tasks.deletion import hook
from boogie.apps.tasks.protocols import Declaration

from .asynchronous import functions
from .faces import check_face
from .gate import Gate
from .known import names
from .options import (
    check_errors,
    check_expires,
    check_log,
    check_names,
    check_priority,
    check_queue,
    check_rate_limit,
    check_sensitive,
)
from .signatures import is_static, own_parameters

#: Options that Celery 5.7 warns of as attributes of a class; ours are set on the instance.
OWN_OPTIONS = ("queue", "priority")


def build(
    cls: Any, source: Any, name: str, base: type | None, options: dict[str, Any]
) -> Declaration:
    """Build the concrete class of a task, and register its one instance."""
    bases = _bases(name, cls, base)
    for option in options:
        names.refuse_unknown(name, option, bases)
    names.refuse_in_vain(name, cls, options)
    own = {key: options[key] for key in OWN_OPTIONS if key in options}
    members = {
        **{key: value for key, value in options.items() if key not in own},
        "name": name,
        "declared_from": _unbound(source),
        "__module__": source.__module__,
        "__qualname__": source.__qualname__,
        "__doc__": source.__doc__,
    }
    for key in members.keys() & {"permission", "unique_by"}:
        members[key] = _unbound(members[key])
    cls = type(cls.__name__, bases, members)
    task = cast(Any, cls)()
    vars(task).update(own)
    cls.is_async = functions.is_coroutine_function(cls.run)
    _check_task(task)
    functions.adapt(task)
    add_autoretry_behaviour(task)
    _declare_limits(task)
    registry.register(task, options)
    if task.on_delete != policies.KEEP:
        hook.install()
    return cast(Declaration, task)


def _bases(name: str, cls: type, base: type | None) -> tuple[type, ...]:
    """Return what the class of a task is made of; ``TypeError`` if ``base`` cannot be in front."""
    if not isinstance(base, type | None):
        raise TypeError(f"{name}: base must be a Celery task class, not {base!r}.")
    if base is None or issubclass(cls, base):
        return (cls,) if issubclass(cls, Gate) else (Gate, cls)
    try:
        type(cls.__name__, (Gate, base, cls), {})
    except TypeError as error:
        raise TypeError(f"{name}: {base!r} cannot be its base: {error}.") from None
    return Gate, base, cls


def _unbound(value: Any) -> Any:
    """Return ``value`` so that as an attribute of a class it is read as it is."""
    return staticmethod(value) if inspect.isfunction(value) else value


def annotate(task: Any) -> None:
    """Let ``task_annotations`` go before what was declared, also where that is the instance's."""
    found = cast(Any, resolve_all_annotations)(task.app.annotations, task)
    for given in found:
        vars(task).update({key: given[key] for key in OWN_OPTIONS if key in given})
    _check_place(task)


def _check_place(task: Any) -> None:
    """Check in which queue, and how soon, rows of a task run."""
    check_priority(task.name, task.priority)
    check_queue(task.name, task.queue)


def _check_task(task: Any) -> None:
    """Check what can be known of a task when it is declared."""
    _check_place(task)
    if isinstance(task.aliases, str):
        raise TypeError(f"{task.name}: aliases must be a list of names, not {task.aliases!r}.")
    check_names(task.names)
    check_log(task.name, task.log)
    check_expires(task.name, task.expires)
    check_rate_limit(task.name, task.rate_limit)
    for option in ("autoretry_for", "dont_autoretry_for"):
        check_errors(task.name, option, getattr(task, option, ()))
    policies.check(task.name, task.on_delete)
    check_face(task)
    functions.check(task)
    function = inspect.unwrap(type(task).run)
    task._check_call = head_from_fun(type(task).run, bound=not is_static(task))
    if not _takes_object(task, function):
        raise TypeError(
            f"{task.name}: a task function takes a model instance as its first argument."
        )
    check_sensitive(task.name, task.sensitive, _arguments(task))
    task.unique_rule = unique.made(task.name, task, own_parameters(task, type(task).run), about=1)
    if type(task.encrypt) is not bool:
        raise TypeError(f"{task.name}: encrypt must be True or False, not {task.encrypt!r}.")
    if task.sensitive or task.encrypt:
        task.resultrepr_maxsize = 0  # of what Celery logs, and sends as an event


def _declare_limits(task: Any) -> None:
    parameters = own_parameters(task, type(task).run)
    for declared in limits.declare(task.names, task.limits):
        if callable(by := declared.limit.by):
            unique.check_callable(task.name, f"by={by!r:.80} of a limit", by, parameters)


def _arguments(task: Any) -> Collection[str]:
    """Return the names that arguments may have; any but its own where it takes ``**kwargs``."""
    own = own_parameters(task, type(task).run)[1:]
    rest = [one.name for one in own if one.kind is inspect.Parameter.VAR_KEYWORD]
    if rest:
        return [name for name in task.sensitive if name not in rest]
    return [parameter.name for parameter in own]


def parameter_name(task: Any, position: int) -> str:
    """Return what the positional argument at ``position`` is called in a call that fits."""
    parameters = own_parameters(task, type(task).run)
    for number, parameter in enumerate(parameters[: position + 1]):
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            return f"{parameter.name}[{position - number}]"
    return parameters[position].name


def _takes_object(task: Any, function: Any) -> bool:
    own = own_parameters(task, function)
    first = own[0].kind if own else None
    return first in (
        inspect.Parameter.POSITIONAL_ONLY,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        inspect.Parameter.VAR_POSITIONAL,
    )
