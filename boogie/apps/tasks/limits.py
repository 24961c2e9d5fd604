"""
What limits a task: how many of its rows run at the same time, how many start in a time.

Only what is declared. No model is imported, and nothing is counted here.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar

from django.core.exceptions import ImproperlyConfigured

#: What ``by`` may say besides a path of attributes.
TASK, OBJECT = "task", "object"

#: Characters of a name.
MAX_NAME = 200


@dataclass(frozen=True)
class Concurrency:
    """At most ``n`` rows of one ``by`` run at the same time, over all workers."""

    n: int
    by: str | Callable[..., Any] = TASK
    name: str | None = None

    kind: ClassVar[str] = "concurrency"

    def __post_init__(self) -> None:
        _check_count("Concurrency", "n", self.n)
        _check_common("Concurrency", self.by, self.name)

    @property
    def definition(self) -> tuple[Any, ...]:
        """What has to be the same wherever the limit is named."""
        return self.kind, self.n


@dataclass(frozen=True)
class Rate:
    """At most ``n`` rows of one ``by`` start in ``per`` seconds, evenly, over all workers."""

    n: int
    per: float | timedelta
    by: str | Callable[..., Any] = TASK
    name: str | None = None
    #: How many may start at once when none has started for a while.
    burst: int = 1

    kind: ClassVar[str] = "rate"

    def __post_init__(self) -> None:
        _check_count("Rate", "n", self.n)
        _check_count("Rate", "burst", self.burst)
        _check_common("Rate", self.by, self.name)
        per = self.per.total_seconds() if isinstance(self.per, timedelta) else self.per
        if isinstance(per, bool) or not isinstance(per, int | float):
            raise TypeError(
                f"Rate: per must be a number of seconds or a timedelta, not {self.per!r:.80}."
            )
        if not 0 < per <= 366 * 86400:
            raise ValueError(
                f"Rate: per must be more than 0 seconds and at most a year, not {self.per!r:.80}."
            )

    @property
    def interval(self) -> float:
        """Seconds between two starts."""
        per = self.per.total_seconds() if isinstance(self.per, timedelta) else self.per
        return per / self.n

    @property
    def definition(self) -> tuple[Any, ...]:
        """What has to be the same wherever the limit is named."""
        return self.kind, self.n, self.interval, self.burst


Limiting = Concurrency | Rate


@dataclass(frozen=True)
class Declared:
    """A limit of one task, and the text by which rows know it again after a deploy."""

    limit: Limiting
    identity: str


def _check_count(kind: str, name: str, value: Any) -> None:
    if type(value) is not int:
        raise TypeError(f"{kind}: {name} must be a whole number, not {value!r:.80}.")
    if not 1 <= value <= 1_000_000:
        raise ValueError(f"{kind}: {name} must be from 1 to 1,000,000, not {value!r:.80}.")


def _check_common(kind: str, by: Any, name: Any) -> None:
    if isinstance(by, str):
        if not all(part.isidentifier() for part in by.split(".")):
            raise ValueError(
                f"{kind}: by must be 'task', 'object', a path of attributes such as "
                f"'customer.region', or a callable; not {by!r:.80}."
            )
    elif not callable(by):
        raise TypeError(
            f"{kind}: by must be 'task', 'object', a path of attributes or a callable, not "
            f"{by!r:.80} of type {type(by).__qualname__}."
        )
    if name is not None and not (isinstance(name, str) and name and "\0" not in name):
        raise ValueError(f"{kind}: name must be a text, not {name!r:.80}.")
    if name is not None and len(name) > MAX_NAME:
        raise ValueError(f"{kind}: name must have at most {MAX_NAME} characters; it is {name!r}.")


# --- what this process knows ----------------------------------------------------------

#: By identity, and then by the task that declares it.
_known: dict[str, dict[str, Limiting]] = {}
#: What each task declares.
_of_task: dict[str, tuple[Declared, ...]] = {}


def declare(names: Sequence[str], limits: Any) -> tuple[Declared, ...]:
    """
    Note the limits of the task with these ``names``, its name first; return them.

    Raise ``TypeError`` for what is no limit, and ``ImproperlyConfigured`` if another task, or
    this one, has declared another limit under the same name.
    """
    if not limits:
        return ()
    task = names[0]
    if isinstance(limits, str) or not isinstance(limits, Iterable):
        raise TypeError(f"{task}: limits must be a list, not {limits!r:.80}.")
    found: dict[str, Limiting] = {}
    for limit in limits:
        if not isinstance(limit, Concurrency | Rate):
            raise TypeError(
                f"{task}: limits must be Concurrency(...) or Rate(...), not {limit!r:.80}."
            )
        found[_identity(names[-1], limit, found)] = limit
    for identity, limit in found.items():
        _refuse_another(task, identity, limit)
    _forget(task)
    for identity, limit in found.items():
        _known.setdefault(identity, {})[task] = limit
    in_order = sorted(found.items(), key=lambda one: not is_single(one[1]))
    declared = tuple(Declared(limit, identity) for identity, limit in in_order)
    _of_task.update(dict.fromkeys(names, declared))
    return declared


def _identity(task: str, limit: Limiting, before: dict[str, Limiting]) -> str:
    """Return what rows call a limit: its name, or what it is made of but for its numbers."""
    if limit.name is not None:
        if limit.name in before:
            raise ImproperlyConfigured(f"{task}: two of its limits are named {limit.name!r}.")
        return limit.name
    by = limit.by if isinstance(limit.by, str) else getattr(limit.by, "__qualname__", "callable")
    number = 1
    while (found := f"{task}/{limit.kind}/{by}/{number}"[-255:]) in before:
        number += 1
    return found


def _refuse_another(task: str, identity: str, limit: Limiting) -> None:
    for other, declared in _known.get(identity, {}).items():
        if other != task and declared.definition != limit.definition:
            raise ImproperlyConfigured(
                f"Two limits are named {identity!r}: {declared!r} of {other}, and {limit!r} of "
                f"{task}. A name is of one limit: give both the same numbers, or other names."
            )


def _forget(task: str) -> None:
    """Forget what a task declared before: it is reloaded."""
    for declared in _of_task.pop(task, ()):
        _known.get(declared.identity, {}).pop(task, None)


def of_task(name: str) -> tuple[Declared, ...]:
    """Return the limits of the task ``name``, which may be an alias."""
    return _of_task.get(name, ())


def known(identity: str) -> Limiting | None:
    """Return the limit that rows know as ``identity``; ``None``: no task declares it here."""
    return next(iter(_known.get(identity, {}).values()), None)


def is_single(limit: Limiting | None) -> bool:
    """Return whether rows start one after the other: that limit is tried first, and keeps order."""
    return isinstance(limit, Concurrency) and limit.n == 1


def key_of(identity: str, value: str) -> str:
    """Return the key of a limit for a value: what rows are held back by."""
    return "limit:" + hashlib.sha256(f"{identity}\0{value}".encode()).hexdigest()[:32]


def singles_of(values: Mapping[str, str] | None) -> list[str]:
    """Return the keys of those limits of a row in whose lines the rows keep their order."""
    mine = (values or {}).items()
    return [key_of(identity, value) for identity, value in mine if is_single(known(identity))]


def line_of(name: str, values: Mapping[str, str] | None) -> str:
    """Return the key in whose line a row of the task ``name`` begins; ``""``: it is under none."""
    mine = (one.identity for one in of_task(name) if one.identity in (values or {}))
    first = next(mine, None)
    return "" if first is None or values is None else key_of(first, values[first])


def are_declared() -> bool:
    """Return whether any task of this process has limits."""
    return bool(_of_task)
