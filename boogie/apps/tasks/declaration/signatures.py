"""
What the signature of a task says: its arguments, and the types that they are annotated with.

An annotation that cannot be read says nothing; it is never an error.
"""

import inspect
import re
import types
from typing import Annotated, Any, ForwardRef, TypeVar, Union, get_args, get_origin

from django.apps import apps
from django.core.exceptions import AppRegistryNotReady

from .annotated.names import Names, variables

Parameter = inspect.Parameter

#: What an annotation that says nothing is read as.
UNKNOWN = Parameter.empty

#: The parameters of a function that says nothing of what it takes.
ANYTHING = frozenset([Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD])


def parameters(task: Any) -> list[Parameter]:
    """Return the parameters from the object on, with annotations that are types."""
    function = type(task).run
    found = own_parameters(task, function)
    if ANYTHING.issuperset(parameter.kind for parameter in found):
        # A decorator that passes on whatever it gets: what it wraps says more.
        found = own_parameters(task, inspect.unwrap(function))
    names = Names(inspect.unwrap(function), variables(type(task), _owner(task)))
    return [p.replace(annotation=resolved(p.annotation, names)) for p in found]


def own_parameters(task: Any, function: Any) -> list[Parameter]:
    """Return the parameters of ``function``, which ``task`` runs, from the object on."""
    found = inspect.signature(function, follow_wrapped=False).parameters.values()
    return list(found)[0 if is_static(task) else 1 :]


def _owner(task: Any) -> type:
    """Return the class that defines what ``task`` runs."""
    return next(one for one in type(task).__mro__ if "run" in vars(one))


def is_static(task: Any) -> bool:
    """Return whether what ``task`` runs gets no ``self``."""
    return isinstance(inspect.getattr_static(type(task), "run"), staticmethod)


def arguments(task: Any) -> list[Parameter]:
    """Return the parameters behind the object."""
    found = parameters(task)
    return found if found[0].kind is Parameter.VAR_POSITIONAL else found[1:]


def alternatives(annotation: Any) -> list[Any]:
    """Return the types of a union, ``None`` among them as ``NoneType``; else the one type."""
    if get_origin(annotation) is Annotated:
        return alternatives(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return [one for member in get_args(annotation) for one in alternatives(member)]
    return [annotation]


def resolved(annotation: Any, names: Names) -> Any:
    """Return the type that an annotation means, or ``UNKNOWN``."""
    if isinstance(annotation, ForwardRef):
        annotation = annotation.__forward_arg__
    if isinstance(annotation, str):
        return _evaluated(annotation, names)
    if hasattr(annotation, "__value__"):  # ``type Name = …``
        return _value(annotation, names)
    if isinstance(annotation, TypeVar):
        given, there = names.given_for(annotation)
        return _any_of(_bounds(annotation), names) if given is None else resolved(given, there)
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return resolved(inner[0], names)
    if origin in (Union, types.UnionType):
        return _any_of(inner, names)
    if origin is list and inner:
        member = resolved(inner[0], names)
        return list if member is UNKNOWN else types.GenericAlias(list, (member,))
    return annotation


def _any_of(members: tuple[Any, ...], names: Names) -> Any:
    known = [resolved(member, names) for member in members]
    return UNKNOWN if UNKNOWN in known or not known else Union[tuple(known)]  # noqa: UP007


def _bounds(variable: TypeVar) -> tuple[Any, ...]:
    """Return what a type variable may stand for; nothing: it does not say, or cannot be read."""
    try:
        bound = variable.__bound__  # a name that is there for type checkers alone raises
        return variable.__constraints__ or (() if bound is None else (bound,))
    except NameError:
        return ()


def _evaluated(text: str, names: Names, is_inner: bool = False) -> Any:
    if re.fullmatch(r"\w+\.\w+", text.strip()) and (model := _model(*text.strip().split("."))):
        return model
    try:
        value = eval(text, {"__builtins__": {}}, names)
    except Exception:  # whatever it means, it is not for us to say
        return UNKNOWN
    if isinstance(value, str):  # in quotes although all are text, or a setting that names a model
        return UNKNOWN if is_inner else _evaluated(value, names, is_inner=True)
    return resolved(value, names)


def _value(alias: Any, names: Names) -> Any:
    try:
        return resolved(alias.__value__, names)
    except NameError:
        return UNKNOWN


def _model(label: str, name: str) -> Any:
    try:
        return apps.get_model(label, name)
    except (LookupError, ValueError, AppRegistryNotReady):
        return None
