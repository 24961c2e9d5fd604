"""
Arguments and results of a row: packed, within their limits, or refused in words.
"""

from typing import Any

from django.db import models

from boogie.apps.tasks.conf import conf
from boogie.apps.tasks.exceptions import ArgumentError, ResultError

from .codec import Unfit, pack, to_json


def pack_arguments(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any]:
    """
    Return packed ``(args, kwargs)`` for a row of the task ``name``.

    Raise :class:`ArgumentError` that names the argument which would not come
    back as it went, or when both together exceed ``MAX_ARGUMENTS_SIZE``.
    """
    packed_args = [_argument(name, f"argument {i + 2}", a) for i, a in enumerate(args)]
    packed_kwargs = {k: _argument(name, f"argument {k!r}", v) for k, v in kwargs.items()}
    if args or kwargs:
        size = len(to_json([packed_args, packed_kwargs]))
        if size > conf.MAX_ARGUMENTS_SIZE:
            raise ArgumentError(
                f"{name}: the arguments take {size} bytes of JSON, more than "
                f"MAX_ARGUMENTS_SIZE ({conf.MAX_ARGUMENTS_SIZE}). Store the data and pass its key."
            )
    return packed_args, packed_kwargs


def _argument(name: str, label: str, value: Any) -> Any:
    if isinstance(value, models.Model):
        reason = f"a model instance ({type(value).__qualname__}); pass its primary key"
    else:
        try:
            return pack(value)
        except Unfit as unfit:
            reason = f"{unfit.path and f'at {unfit.path} '}{unfit}"
        except RecursionError:
            reason = "nested too deeply, or contains itself"
    raise ArgumentError(f"{name}: {label} would not come back from JSON as it went: {reason}.")


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
