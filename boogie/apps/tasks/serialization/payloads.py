"""
Arguments and results of a row: packed, within their limits, or refused in words.
"""

from contextlib import suppress
from typing import Any, Protocol, cast

from boogie.apps.tasks.conf import conf
from boogie.apps.tasks.exceptions import ArgumentError, ResultError

from . import instances, sealing
from .codec import pack, to_json
from .unfit import Unfit, Unreferable


class Called(Protocol):
    """What is called: a task, or a function."""

    @property
    def name(self) -> Any:
        """How a refusal names it."""

    def parameter(self, position: int) -> str:
        """Return what the argument at ``position`` is called; the object has 0."""


def pack_arguments(task: Called, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any]:
    """
    Return packed ``(args, kwargs)`` for a row of ``task``.

    Raise :class:`ArgumentError` that names the argument which would not come
    back as it went, or the largest when all together exceed ``MAX_ARGUMENTS_SIZE``.
    """
    packed_args = [_argument(task, i + 1, a) for i, a in enumerate(args)]
    packed_kwargs = {_name(task, k): _argument(task, k, v) for k, v in kwargs.items()}
    has_references = False
    if args or kwargs:
        text = to_json([packed_args, packed_kwargs])
        has_references = instances.SIGN in text
        size = len(text)
        if size > conf.MAX_ARGUMENTS_SIZE:
            name, largest = _largest(task, packed_args, packed_kwargs)
            raise ArgumentError(
                f"{task.name}: the arguments take {size} bytes of JSON, more than "
                f"MAX_ARGUMENTS_SIZE ({conf.MAX_ARGUMENTS_SIZE}); the largest is {name} with "
                f"{largest}. Store the data and pass its key."
            )
    if getattr(task, "encrypt", False):  # functions of Django Tasks have no such option
        sealing.require(task.name)
        return sealing.SealedList(packed_args), sealing.SealedDict(packed_kwargs)
    if has_references:
        return instances.signed(packed_args), instances.signed(packed_kwargs)
    return packed_args, packed_kwargs


def _largest(task: Called, args: list[Any], kwargs: dict[str, Any]) -> tuple[str, int]:
    """Return what the largest of packed arguments is called, and its size."""
    places = dict(enumerate(args, 1)) | kwargs
    sizes = {place: len(to_json(value)) for place, value in places.items()}
    place = max(sizes, key=lambda place: sizes[place])
    return label(task, place), sizes[place]


def label(task: Called, place: int | str) -> str:
    """Return what an argument is called: by its position (the object has 0), or its name."""
    return repr(place if isinstance(place, str) else task.parameter(place))


def is_shown(task: Called, place: int | str) -> bool:
    """Return whether a message may quote an argument."""
    name = place if isinstance(place, str) else task.parameter(place)
    sensitive = getattr(task, "sensitive", ())
    return not getattr(task, "encrypt", False) and name.partition("[")[0] not in sensitive


def _argument(task: Called, place: int | str, value: Any) -> Any:
    is_safe = False
    try:
        return pack(value, instances.reference)
    except Unreferable as unfit:
        is_safe, reason = True, str(unfit) if not is_shown(task, place) else unfit.placed
    except Unfit as unfit:
        reason = unfit.placed
    except RecursionError:
        reason = "nested too deeply, or contains itself"
    if not is_safe and not is_shown(task, place):
        reason = f"what it holds, of type {type(value).__qualname__}, is not shown"
    raise ArgumentError(
        f"{task.name}: argument {label(task, place)} would not come back from JSON as it went: "
        f"{reason.rstrip('.')}."
    )


def _name(task: Called, name: str) -> str:
    """Return the name of an argument, which is any text where the body takes ``**kwargs``."""
    if name.isidentifier():
        return name
    try:
        return cast(str, pack(name))
    except Unfit as unfit:
        raise ArgumentError(f"{task.name}: an argument is called {name!r}: {unfit}.") from None


def gone(task: Called | None, name: str, found: instances.Found, why: str) -> str:
    """Say which argument of a row of ``task``, called ``name``, refers to what is gone."""
    called, is_open = repr(found.place), False
    if task is not None:
        with suppress(IndexError):  # the function takes fewer than when the row was made
            called, is_open = label(task, found.place), is_shown(task, found.place)
    reference = found.reference
    if not is_open:
        return f"{name}: argument {called} refers to a {reference.label}, and {why}"
    where = f" at {found.path}" if found.path else ""
    return f"{name}: argument {called}{where} refers to {reference.short}, and {why}"


def pack_result(name: str, data: Any, has_hook: bool = True) -> Any:
    """
    Return the packed result of a run, or raise :class:`ResultError` naming its type.

    ``has_hook``: what ran has a ``serialize_result()`` that may be overridden.
    """
    kind = type(data).__qualname__
    hook = ", or override serialize_result() in a BoogieTask subclass" if has_hook else ""
    advice = f"Return JSON-compatible data{hook}."
    try:
        packed = pack(data)
        size = len(to_json(packed))
    except Unfit as unfit:
        where = f" at {unfit.path}" if unfit.path else ""
        reason = f"JSON would not bring back {unfit}{where}"
        raise ResultError(
            f"{name} returned a {kind} that cannot be stored: {reason}. {advice}"
        ) from None
    except RecursionError:
        reason = "it is nested too deeply, or contains itself"
        raise ResultError(
            f"{name} returned a {kind} that cannot be stored: {reason}. {advice}"
        ) from None
    if size > conf.MAX_RESULT_SIZE:
        raise ResultError(
            f"{name} returned a {kind} of {size} bytes of JSON, more than "
            f"MAX_RESULT_SIZE ({conf.MAX_RESULT_SIZE}). Store it elsewhere and return a "
            f"reference{', or shrink it in serialize_result()' if has_hook else ''}."
        )
    return packed
