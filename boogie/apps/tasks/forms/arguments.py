"""
The arguments of a task, each with its field; calls made of their values, and taken apart.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import GenericAlias
from typing import Any

from django import forms
from django.db import models
from django.forms.utils import pretty_name
from django.utils.translation import gettext_lazy as _

from boogie.apps.tasks.declaration.signatures import UNKNOWN, Parameter
from boogie.apps.tasks.declaration.signatures import arguments as signature_of

from .choices import plain
from .fields import SecretField, TextField, YesNoField
from .keys import Searches
from .kinds import field_for, takes_instances, takes_none_by
from .structures import JSONField, LinesField, Typed

#: A keyword of ``each()``, which takes an argument of that name by its position.
TAKEN = "chunk_size"

#: ``(args, kwargs)``.
Call = tuple[tuple[Any, ...], dict[str, Any]]


@dataclass(frozen=True)
class Argument:
    """One argument of a task, and the field for it."""

    name: str
    kind: Any
    default: Any
    takes_none: bool
    is_secret: bool
    field: forms.Field
    #: Whether its annotation says that it is an instance, or several.
    takes_instances: bool = False

    @property
    def has_default(self) -> bool:
        """Whether a call need not name it."""
        return self.default is not UNKNOWN

    def is_left_out(self, value: Any) -> bool:
        """Return whether an empty field, cleaned ``value``, means the function's own default."""
        if self.is_secret:  # its default is not shown
            return self.has_default
        return value is None and self.has_default and not self.takes_none

    def shown(self, value: Any) -> Any:
        """Return ``value`` as the field's initial one."""
        if value is None and isinstance(self.field, JSONField) and not self.takes_none:
            return Typed("null")
        return value


def arguments_of(task: Any, searches: Searches) -> list[Argument]:
    """Return the arguments of ``task``, the object not among them."""
    found = [_argument(parameter, task, searches) for parameter in signature_of(task)]
    names = {argument.name for argument in found}
    hidden = [name for name in task.sensitive if name not in names]  # among its **kwargs
    return found + [_hidden(name) for name in hidden]


def _argument(parameter: Parameter, task: Any, searches: Searches) -> Argument:
    name, default = parameter.name, parameter.default
    secret = name in task.sensitive
    options: dict[str, Any] = {"label": pretty_name(name), "required": default is UNKNOWN}
    field = _field(parameter, searches.typed() if secret else searches, options)
    if secret and not isinstance(field, YesNoField):
        field = _secret(field, options)
    takes_none = takes_none_by(parameter.annotation)
    if takes_none:
        field.required = False
    objects = takes_instances(parameter.annotation)
    return Argument(name, parameter.kind, default, takes_none, secret, field, objects)


def _field(parameter: Parameter, searches: Searches, options: dict[str, Any]) -> forms.Field:
    annotation = parameter.annotation
    if parameter.kind is Parameter.VAR_KEYWORD:
        words = _("Further arguments, as JSON: an object {...}.")
        return JSONField(shape=dict, **{**options, "required": False, "help_text": words})
    if parameter.kind is Parameter.VAR_POSITIONAL:
        if annotation is UNKNOWN:
            words = _("Further arguments, as JSON: a list [...].")
            return JSONField(shape=list, **{**options, "required": False, "help_text": words})
        return field_for(GenericAlias(list, (annotation,)), UNKNOWN, searches, **options)
    return field_for(annotation, parameter.default, searches, **options)


def _secret(field: forms.Field, options: dict[str, Any]) -> forms.Field:
    if isinstance(field, LinesField):  # there is but one line
        field = JSONField(shape=list, required=False)
    return SecretField(field, **options)


def _hidden(name: str) -> Argument:
    field = SecretField(TextField(required=False), label=pretty_name(name), required=False)
    return Argument(name, Parameter.KEYWORD_ONLY, None, False, True, field)


# --- to a call ------------------------------------------------------------------------


def call_of(arguments: Sequence[Argument], values: Mapping[str, Any]) -> Call:
    """
    Return the call that gives ``values`` to a task; what is not among them has its default.

    Raise ``TypeError`` if one of its ``**kwargs`` is an argument of its own.
    """
    rest = _gathered(arguments, values, Parameter.VAR_POSITIONAL)
    by_position: set[Any] = {Parameter.POSITIONAL_ONLY}
    if rest or TAKEN in values:
        by_position.add(Parameter.POSITIONAL_OR_KEYWORD)
    positional = [argument for argument in arguments if argument.kind in by_position]
    while positional and not rest and positional[-1].name not in values:
        positional.pop()
    names = {argument.name for argument in positional}
    kwargs = {
        argument.name: values[argument.name]
        for argument in arguments
        if argument.name in values and argument.name not in names and not _gathers(argument)
    }
    args = [values.get(argument.name, argument.default) for argument in positional]
    more = dict(_gathered(arguments, values, Parameter.VAR_KEYWORD))
    if twice := [a.name for a in arguments if a.name in more and not _gathers(a)]:
        raise TypeError(_("%(name)r has a field of its own.") % {"name": twice[0]})
    return (*args, *rest), {**more, **kwargs}


def _gathers(argument: Argument) -> bool:
    return argument.kind in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)


def _gathered(arguments: Sequence[Argument], values: Mapping[str, Any], kind: Any) -> Any:
    found = [values.get(argument.name) for argument in arguments if argument.kind is kind]
    return (found and found[0]) or ()


# --- from a call ----------------------------------------------------------------------


def named(
    arguments: Sequence[Argument], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the values of a call by the names of arguments, without what is taken no more."""
    ways = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    positional = [argument for argument in arguments if argument.kind in ways]
    values = {argument.name: value for argument, value in zip(positional, args, strict=False)}
    values.update(kwargs)
    found = {a.name: values.pop(a.name) for a in arguments if a.name in values}
    for argument in arguments:
        if argument.kind is Parameter.VAR_POSITIONAL and args[len(positional) :]:
            found[argument.name] = list(args[len(positional) :])
        elif argument.kind is Parameter.VAR_KEYWORD and values:
            found[argument.name] = values
    return found


def initial_from(
    arguments: Sequence[Argument], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what fields show of a call that was made before; nothing of secrets."""
    found = named(arguments, args, kwargs)
    shown = [a for a in arguments if a.name in found and not a.is_secret]
    return {argument.name: argument.shown(found[argument.name]) for argument in shown}


def defaults(arguments: Sequence[Argument]) -> dict[str, Any]:
    """Return what fields show of a call that names nothing, by name; nothing of secrets."""
    found = {}
    for argument in arguments:
        if argument.has_default and argument.default is not None and not argument.is_secret:
            with suppress(TypeError, ValueError):  # a value that no form could show
                argument.field.prepare_value(argument.default)
                found[argument.name] = argument.default
    return found


def storable(value: Any, argument: Argument) -> Any:
    """
    Return what a form of others gave to an argument as what a row can hold.

    Objects go by their keys, unless the argument says that it takes instances.
    """
    if isinstance(value, models.Model):
        return value if argument.takes_instances else value.pk
    if isinstance(value, models.QuerySet | list | tuple | set | frozenset):
        return [storable(item, argument) for item in value]
    return plain(value)
