"""
Of which calls one row is enough: the options that say so, checked when they are declared.
"""

import inspect
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

Parameter = inspect.Parameter

LIVE, WAITING = "live", "waiting"

#: What stands for an argument when a signature is tried.
ANY = object()

#: The options, by their names.
OPTIONS = ("unique", "unique_by", "debounce", "debounce_max")


@dataclass(frozen=True, slots=True)
class Debounce:
    """Seconds from the last call, and at most from the first, if it says so."""

    seconds: float
    most: float | None


@dataclass(frozen=True, slots=True)
class Rule:
    """Of which calls one row is enough."""

    #: Whether a running row has the place, too.
    is_live: bool
    #: The arguments that belong to the key, and what a call is to be read by.
    names: tuple[str, ...]
    signature: inspect.Signature
    #: In place of names: what returns a value for a call.
    by: Callable[..., Any] | None = None
    debounce: Debounce | None = None

    @property
    def mode(self) -> str:
        """What ``unique`` says, in one word."""
        return LIVE if self.is_live else WAITING


def debounce_of(rule: Rule | None) -> Debounce | None:
    """Return how long rows wait for more calls, if they do."""
    return None if rule is None else rule.debounce


class Unique:
    """The part of a task that says of which calls one row is enough."""

    #: ``"live"`` (or ``True``): one row of it and an object is paused, queued or running;
    #: ``"waiting"``: one is paused or queued.
    unique: Any = None
    #: Names of arguments that make a difference, or a callable ``(obj, *args, **kwargs)``.
    unique_by: Any = None
    #: Seconds from the last call to the start, and at most from the first.
    debounce: float | None = None
    debounce_max: float | None = None
    #: What these four say; ``None``: each call makes a row.
    unique_rule: Rule | None = None


def made(name: str, options: Any, parameters: Sequence[Parameter], about: int) -> Rule | None:
    """
    Return the rule of a task by its ``options``, attributes of any object; ``None``: it has none.

    ``parameters`` are those of the function, ``about`` how many of them are no arguments: 1 for
    the object. Raise ``TypeError`` or ``ValueError`` for what makes no sense.
    """
    unique, by = options.unique, options.unique_by
    debounce = _debounce(name, options.debounce, options.debounce_max)
    if unique is None or unique is False:
        for option in OPTIONS[1:]:
            if getattr(options, option) is not None:
                raise TypeError(f"{name}: {option} is for tasks that are unique; say unique=, too.")
        return None
    if unique is not True and unique not in (LIVE, WAITING):
        raise ValueError(
            f"{name}: unique must be {LIVE!r} (or True) or {WAITING!r}, not {unique!r:.80}."
        )
    if debounce is not None and unique != WAITING:
        raise ValueError(
            f"{name}: debounce needs unique={WAITING!r}: calls during a run are to make one more."
        )
    signature = inspect.Signature(list(parameters))
    if by is None or not callable(by):
        names = _names(name, by, parameters[about:])
        return Rule(unique != WAITING, names, signature, None, debounce)
    check_callable(name, "unique_by", by, parameters)
    return Rule(unique != WAITING, (), signature, by, debounce)


def _debounce(name: str, seconds: Any, most: Any) -> Debounce | None:
    for option, value in (("debounce", seconds), ("debounce_max", most)):
        if value is not None and not _is_length(value):
            raise ValueError(
                f"{name}: {option} must be a positive number of seconds, not {value!r:.80}."
            )
    if seconds is None:
        if most is not None:
            raise TypeError(f"{name}: debounce_max is nothing without debounce.")
        return None
    if most is not None and most < seconds:
        raise ValueError(
            f"{name}: debounce_max ({most}) must not be less than debounce ({seconds})."
        )
    return Debounce(float(seconds), None if most is None else float(most))


def _is_length(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and value > 0 and math.isfinite(value)


def _names(name: str, by: Any, arguments: Sequence[Parameter]) -> tuple[str, ...]:
    if by is None:
        return ()
    if isinstance(by, str) or not isinstance(by, list | tuple | set | frozenset):
        raise TypeError(
            f"{name}: unique_by must be a list of names of arguments, or a callable, "
            f"not {by!r:.80}."
        )
    takes_any = any(one.kind is Parameter.VAR_KEYWORD for one in arguments)
    known = [one.name for one in arguments if one.kind is not Parameter.VAR_KEYWORD]
    for argument in by:
        if not isinstance(argument, str) or not (takes_any or argument in known):
            raise ValueError(f"{name}: unique_by names {argument!r}, which is no argument of it.")
    return tuple(sorted(set(by)))


def check_callable(
    name: str, option: str, by: Callable[..., Any], parameters: Sequence[Parameter]
) -> None:
    """Raise ``TypeError`` if a call of the function might not be one of ``by``, an ``option``."""
    try:
        signature = inspect.signature(by)
    except (TypeError, ValueError):  # built in: it does not say
        return
    for args, kwargs in _calls(parameters):
        try:
            signature.bind(*args, **kwargs)
        except TypeError as error:
            own = f"({', '.join(map(str, parameters))})"
            raise TypeError(
                f"{name}: {option} must take whatever the task takes, {own}: {error}."
            ) from None


def _calls(parameters: Sequence[Parameter]) -> list[tuple[list[Any], dict[str, Any]]]:
    """Return calls that the function takes: the shortest, by position, and by name."""
    by_place = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    only_named = [p for p in parameters if p.kind is Parameter.KEYWORD_ONLY]
    needed = {p.name: ANY for p in only_named if p.default is p.empty}
    named = dict.fromkeys((p.name for p in only_named), ANY)
    first = [p for p in by_place if p.kind is p.POSITIONAL_ONLY or p is by_place[0]]
    rest = {p.name: ANY for p in by_place if p not in first}
    shortest = [ANY for p in by_place if p.default is p.empty]
    return [
        (shortest, needed),
        ([ANY] * len(by_place), named),
        ([ANY] * len(first), {**rest, **named}),
    ]
