"""
Model instances among arguments: what travels of them, and where in the arguments they are.

Nothing is read from a database here.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, NamedTuple

from django.apps import apps
from django.db import models, router

from . import kinship, references

#: How JSON marks a reference.
MARK = "model"

#: In no JSON with a reference is this missing.
SIGN = f'"{MARK}"'

#: By what an argument is found: its position (the object has 0), or its name.
Place = int | str


class Reference(dict[str, Any]):
    """An instance as JSON has it: the label of its model, its key as text, and its database."""

    @property
    def label(self) -> str:
        """The model, or proxy, as ``app.model``."""
        return str(self["__value__"][0])

    @property
    def key(self) -> str:
        """The primary key as text; a composite one as a JSON array."""
        return str(self["__value__"][1])

    @property
    def database(self) -> str:
        """The alias of its database."""
        return str(self["__value__"][2])

    @property
    def model(self) -> type[models.Model]:
        """The model; ``LookupError``: it is not installed."""
        return apps.get_model(self.label)

    @property
    def short(self) -> str:
        """What people read: ``app.model:key``."""
        return f"{self.label}:{self.key}"


class Short:
    """A reference as people read it, also within what is shown by ``repr()``."""

    def __init__(self, reference: Reference) -> None:
        self._text = reference.short

    def __repr__(self) -> str:
        return self._text


class WithReferences(list[Any]):
    """A list of arguments that holds references, at whatever depth."""


class NamedWithReferences(dict[str, Any]):
    """Arguments by name of which the same is known."""


class Found(NamedTuple):
    """A reference, and where it is: in which argument, and where in that."""

    reference: Reference
    place: Place
    path: str


# --- to JSON and back -----------------------------------------------------------------


def of_json(value: Any) -> Reference:
    """Return the reference of what JSON has marked as one; ``ValueError``: it is none."""
    is_one = isinstance(value, list) and len(value) == 3 and all(type(v) is str for v in value)
    if not is_one or "." not in value[0]:
        raise ValueError(f"no reference to a model instance: {value!r:.80}")
    return Reference(__type__=MARK, __value__=value)


def reference(obj: models.Model) -> Reference:
    """Return the reference to an instance; ``ValueError``: it is not stored, or its key unfit."""
    if problem := references.unstored(obj):
        raise ValueError(problem)
    key = references.object_key(obj)
    if problem := references.unfit_key(obj, key):
        raise ValueError(problem)
    database = router.db_for_write(type(obj), instance=obj)
    return of_json([obj._meta.label_lower, key, database])


def signed(arguments: Any) -> Any:
    """Return arguments such that :func:`may_be_in` knows of references that they hold."""
    kinds: dict[type, type] = {list: WithReferences, dict: NamedWithReferences}
    kind = kinds.get(type(arguments))
    if kind is None or not any(True for _each in _within(arguments)):
        return arguments
    return kind(arguments)


def may_be_in(arguments: Any) -> bool:
    """Return whether the arguments of a stored row may hold references; no walk decides that."""
    kind = type(arguments)
    if kind is list or kind is dict:
        return False
    origin = getattr(arguments, "origin", None)
    # What is encrypted tells what it was read from, but for rows that were not read.
    return origin is None or SIGN in origin.text


def identity(reference: Reference) -> tuple[str, str, str, str]:
    """Return what two references to one object have in common, whichever models they name."""
    label = reference.label
    with suppress(LookupError):
        label = kinship.root(reference.model)._meta.label_lower
    return MARK, label, reference.key, reference.database


# --- walking --------------------------------------------------------------------------


def found_in(arguments: Any) -> Iterator[Found]:
    """Yield the references in arguments: a list by position, whose first is 1, or a dict."""
    for place, value in _placed(arguments):
        for reference, path in _within(value):
            yield Found(reference, place, path)


def _placed(arguments: Any) -> Any:
    return arguments.items() if isinstance(arguments, dict) else enumerate(arguments, 1)


def _within(value: Any, path: str = "") -> Iterator[tuple[Reference, str]]:
    if type(value) is Reference:
        yield value, path
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _within(item, f"{path}[{index}]")
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _within(item, f"{path}[{key!r}]")


def replaced(value: Any, by: Callable[[Reference], Any]) -> Any:
    """Return ``value`` with something in place of each reference; what holds none stays itself."""
    if type(value) is Reference:
        return by(value)
    if isinstance(value, list):
        items = [replaced(item, by) for item in value]
        return items if any(a is not b for a, b in zip(items, value, strict=True)) else value
    if isinstance(value, dict):
        named = {key: replaced(item, by) for key, item in value.items()}
        return named if any(named[key] is not value[key] for key in named) else value
    return value
