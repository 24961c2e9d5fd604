"""
What the signature of a task says: its arguments, and the types that they are annotated with.

An annotation that cannot be read says nothing; it is never an error.
"""

import builtins
import inspect
import re
import types
from collections.abc import Iterator
from typing import Annotated, Any, ForwardRef, TypeVar, Union, get_args, get_origin

from django.apps import apps
from django.core.exceptions import AppRegistryNotReady

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
    names = _Names(inspect.unwrap(function))
    return [p.replace(annotation=resolved(p.annotation, names)) for p in found]


def own_parameters(task: Any, function: Any) -> list[Parameter]:
    """Return the parameters of ``function``, which ``task`` runs, from the object on."""
    found = inspect.signature(function, follow_wrapped=False).parameters.values()
    return list(found)[0 if is_static(task) else 1 :]


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
    if isinstance(annotation, TypeVar):
        bounds = annotation.__constraints__ or (annotation.__bound__,)
        return [one for bound in bounds if bound is not None for one in alternatives(bound)]
    return [annotation]


def resolved(annotation: Any, names: "_Names") -> Any:
    """Return the type that an annotation means, or ``UNKNOWN``."""
    if isinstance(annotation, ForwardRef):
        annotation = annotation.__forward_arg__
    if isinstance(annotation, str):
        return _evaluated(annotation, names)
    if hasattr(annotation, "__value__"):  # ``type Name = …``
        return _value(annotation, names)
    if isinstance(annotation, TypeVar) and isinstance(annotation.__bound__, ForwardRef):
        return resolved(annotation.__bound__, names)
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        known = [resolved(member, names) for member in inner]
        return UNKNOWN if UNKNOWN in known else Union[tuple(known)]  # noqa: UP007 - of a list
    if origin is list and inner:
        member = resolved(inner[0], names)
        return list if member is UNKNOWN else types.GenericAlias(list, (member,))
    return annotation


def _evaluated(text: str, names: "_Names") -> Any:
    if re.fullmatch(r"\w+\.\w+", text.strip()) and (model := _model(*text.strip().split("."))):
        return model
    try:
        value = eval(text, {"__builtins__": {}}, names)
    except Exception:  # whatever it means, it is not for us to say
        return UNKNOWN
    return UNKNOWN if isinstance(value, str) else resolved(value, names)


def _value(alias: Any, names: "_Names") -> Any:
    try:
        return resolved(alias.__value__, names)
    except NameError:
        return UNKNOWN


class _Names(dict[str, Any]):
    """
    What names in the annotations of a function mean.

    A name that is there for type checkers alone is taken for a model's: of the function's own
    app, or of the only app that has one.
    """

    def __init__(self, function: Any) -> None:
        super().__init__()
        self._globals = getattr(function, "__globals__", {})
        self._module = getattr(function, "__module__", "") or ""

    def __missing__(self, name: str) -> Any:
        for names in (self._globals, vars(builtins)):
            if name in names:
                return names[name]
        found = list(_models_called(name))
        near = [model for model in found if model._meta.app_config is self._app()]
        (model,) = near or found
        return model

    def _app(self) -> Any:
        return apps.get_containing_app_config(self._module)


def _models_called(name: str) -> Iterator[Any]:
    return (model for model in apps.get_models() if model.__name__ == name)


def _model(label: str, name: str) -> Any:
    try:
        return apps.get_model(label, name)
    except (LookupError, ValueError, AppRegistryNotReady):
        return None
