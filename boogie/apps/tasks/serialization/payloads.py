"""
Arguments and results of a row: packed, within their limits, or refused in words.
"""

from typing import Any

from django.db import models

from boogie.apps.tasks.conf import conf
from boogie.apps.tasks.exceptions import ArgumentError, ResultError
from boogie.apps.tasks.protocols import Declaration

from .codec import Unfit, pack, to_json


def pack_arguments(
    task: Declaration, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Any, Any]:
    """
    Return packed ``(args, kwargs)`` for a row of ``task``.

    Raise :class:`ArgumentError` that names the argument which would not come
    back as it went, or the largest when all together exceed ``MAX_ARGUMENTS_SIZE``.
    """
    packed_args = [_argument(task, i + 1, a) for i, a in enumerate(args)]
    packed_kwargs = {k: _argument(task, k, v) for k, v in kwargs.items()}
    if args or kwargs:
        size = len(to_json([packed_args, packed_kwargs]))
        if size > conf.MAX_ARGUMENTS_SIZE:
            label, largest = _largest(task, packed_args, packed_kwargs)
            raise ArgumentError(
                f"{task.name}: the arguments take {size} bytes of JSON, more than "
                f"MAX_ARGUMENTS_SIZE ({conf.MAX_ARGUMENTS_SIZE}); the largest is {label} with "
                f"{largest}. Store the data and pass its key."
            )
    return packed_args, packed_kwargs


def _largest(task: Declaration, args: list[Any], kwargs: dict[str, Any]) -> tuple[str, int]:
    """Return what the largest of packed arguments is called, and its size."""
    places = dict(enumerate(args, 1)) | kwargs
    sizes = {place: len(to_json(value)) for place, value in places.items()}
    place = max(sizes, key=lambda place: sizes[place])
    return _label(task, place), sizes[place]


def _label(task: Declaration, place: int | str) -> str:
    """Return what an argument is called: by its position (the object has 0), or its name."""
    return repr(place if isinstance(place, str) else task.parameter(place))


def _argument(task: Declaration, place: int | str, value: Any) -> Any:
    if isinstance(value, models.Model):
        reason = f"a model instance ({type(value).__qualname__}); pass its primary key"
    else:
        try:
            return pack(value)
        except Unfit as unfit:
            reason = unfit.placed
        except RecursionError:
            reason = "nested too deeply, or contains itself"
    raise ArgumentError(
        f"{task.name}: argument {_label(task, place)} would not come back from JSON as it went: "
        f"{reason}."
    )


def pack_result(name: str, data: Any) -> Any:
    """Return the packed result of a run, or raise :class:`ResultError` naming its type."""
    kind = type(data).__qualname__
    advice = "Return JSON-compatible data, or override serialize_result() in a BoogieTask subclass."
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
            f"reference, or shrink it in serialize_result()."
        )
    return packed
