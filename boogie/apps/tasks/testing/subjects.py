"""
What a test asks about: a Boogie task, or a function of Django Tasks, which is about no object.
"""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any
from unittest.mock import ANY

from django.db.models import Q

from boogie.apps.tasks import registry
from boogie.apps.tasks.declaration.signatures import own_parameters
from boogie.apps.tasks.functions import serving
from boogie.apps.tasks.models import TaskQuerySet
from boogie.apps.tasks.serialization import codec, instances, references, secrets
from boogie.apps.tasks.serialization.unfit import Unfit

#: Stands for the object where a call is compared.
_OBJECT = object()


class Subject:
    """A Boogie task: how its rows are found, and its calls compared."""

    def __init__(self, task: Any) -> None:
        self.task = task
        self.name: str = task.name

    @property
    def condition(self) -> Q:
        """Its rows, those from before it was renamed included."""
        return Q(name__in=self.task.names)

    @property
    def signature(self) -> inspect.Signature:
        """What a call is bound to."""
        return inspect.Signature(own_parameters(self.task, type(self.task).run))

    def about(self, rows: TaskQuerySet, obj: Any) -> TaskQuerySet:
        """Return those of ``rows`` that are about ``obj``."""
        if obj is ANY:
            return rows
        return rows.for_object(references.check_object("assert_made()", obj))

    def positional(self, obj: Any, args: Sequence[Any]) -> tuple[Any, ...]:
        """Return what ``assert_made()`` was given by position, as the call has it."""
        return (_OBJECT, *args)

    def called(self, args: Sequence[Any]) -> tuple[Any, ...]:
        """Return the arguments by position of a row, as the call had them."""
        return (_OBJECT, *args)

    def hidden(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[str, ...]:
        """Return what is not to be shown of a call."""
        return secrets.hidden(self.task, [None, *args], dict(kwargs))

    def arrived(self, value: Any) -> Any:
        """Return what a row has of ``value``; raise :class:`Unfit` if none has it."""
        return codec.round_trip(codec.pack(value, instances.reference))

    # --- calls ------------------------------------------------------------------------

    def wanted(self, obj: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """
        Return the arguments that ``assert_made()`` names, by the names of their parameters.

        Raise the ``TypeError`` that calling the function would.
        """
        return self._named(self.signature.bind_partial(*self.positional(obj, args), **dict(kwargs)))

    def given(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments of a row in the same way, defaults included."""
        bound = self.signature.bind(*self.called(args), **dict(kwargs))
        bound.apply_defaults()
        return self._named(bound)

    def _named(self, bound: inspect.BoundArguments) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in bound.arguments.items():
            kind = bound.signature.parameters[name].kind
            if kind is inspect.Parameter.VAR_KEYWORD:
                found.update(value)
            elif kind is inspect.Parameter.VAR_POSITIONAL:
                found.update({f"{name}[{place}]": each for place, each in enumerate(value)})
            else:
                found[name] = value
        return {name: value for name, value in found.items() if value is not _OBJECT}


class Function(Subject):
    """A function of Django Tasks; a copy with other options, made by ``using()``, is the same."""

    def __init__(self, task: Any) -> None:
        self.task = task
        self.name = task.module_path

    @property
    def condition(self) -> Q:
        """Its rows, by whichever backend of ours they were made."""
        return Q(name=self.name, backend__gt="")

    @property
    def signature(self) -> inspect.Signature:
        """What a call is bound to: the context is no argument of it."""
        found = list(inspect.signature(self.task.func).parameters.values())
        return inspect.Signature(found[1:] if self.task.takes_context else found)

    def about(self, rows: TaskQuerySet, obj: Any) -> TaskQuerySet:
        """Return ``rows``: they are about nothing."""
        return rows

    def positional(self, obj: Any, args: Sequence[Any]) -> tuple[Any, ...]:
        """Return what ``assert_made()`` was given by position: what it takes for an object, too."""
        return () if obj is ANY and not args else (obj, *args)

    def called(self, args: Sequence[Any]) -> tuple[Any, ...]:
        """Return the arguments by position of a row."""
        return tuple(args)

    def hidden(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[str, ...]:
        """Return nothing: functions declare no argument as sensitive."""
        return ()

    def arrived(self, value: Any) -> Any:
        """Return what a row has of ``value``: Django normalizes it before."""
        from boogie.apps.tasks.functions import library

        try:
            return super().arrived(library.normalize_json(value))
        except (TypeError, ValueError) as error:
            raise Unfit(str(error)) from error


def of(caller: str, task: Any) -> Subject:
    """Return what ``task`` is; ``caller``: begins what the ``TypeError`` says otherwise."""
    if registry.is_ours(task) and not isinstance(task, type):
        return Subject(task)
    if _is_function(task):
        return Function(task)
    backend = getattr(task, "backend", None)
    raise TypeError(
        f"{caller}, not {task!r:.80} of type {type(task).__qualname__}"
        f"{f' with the backend {backend!r}' if isinstance(backend, str) else ''}. A task is what "
        f"@task or as_task() returns, or a function of Django Tasks whose backend in TASKS is "
        f"BoogieBackend."
    )


def _is_function(task: Any) -> bool:
    backends = serving.backends()
    if not backends:  # then Django Tasks may not be there
        return False
    from boogie.apps.tasks.functions import library

    return isinstance(task, library.Task) and task.backend in backends
