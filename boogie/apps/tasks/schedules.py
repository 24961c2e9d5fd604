"""
``@recurring``: what is done again and again about each of many objects, as it is declared.

Only what is declared. No model is imported, and nothing is asked of a database here.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from django.core.exceptions import ImproperlyConfigured

from . import registry
from .protocols import Declaration
from .recurrence import when as recurrence
from .recurrence import zones

T = TypeVar("T")

#: What becomes of slots that passed while nothing was running.
ONCE, SKIP = "once", "skip"
MISSED = (ONCE, SKIP)

#: Characters of a name.
MAX_NAME = 255


@dataclass(frozen=True)
class Recurring:
    """A schedule that code declares."""

    task: Declaration
    name: str
    when: recurrence.When
    objects: Callable[[], Iterable[Any]]
    #: ``None``: that of the project.
    time_zone: str | None = None
    missed: str = ONCE
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)


_declared: dict[str, Recurring] = {}


def recurring(
    when: Any,
    *,
    objects: Callable[[], Iterable[Any]],
    time_zone: Any = None,
    missed: str = ONCE,
    name: str | None = None,
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
) -> Callable[[T], T]:
    """
    Have a task make a row about each of ``objects()`` at each slot of ``when``.

    ``when`` is a ``crontab`` of Celery's, or a ``timedelta``. ``objects`` is called at each slot
    and returns a queryset, or other instances. ``time_zone`` is that of the project by default;
    ``missed="skip"``: what passed while nothing was running is not made up for. ``args`` and
    ``kwargs`` are the arguments behind the object. A second schedule of a task needs a ``name``.
    """
    found = recurrence.of(when)
    zone = None if time_zone is None else zones.checked(time_zone)
    check_missed(missed)
    if not callable(objects):
        raise TypeError(
            f"@recurring: objects must be a callable that returns a queryset or instances, such as "
            f"lambda: User.objects.all(); not {objects!r:.80} of type {type(objects).__qualname__}."
        )

    def declare(task: T) -> T:
        given: Any = task
        if not registry.is_ours(given) or isinstance(given, type):
            raise TypeError(
                f"@recurring decorates a task, and stands above @task; not {given!r:.80} of type "
                f"{type(given).__qualname__}."
            )
        given.check_call(None, *args, **(kwargs or {}))
        own = given.names[-1] if name is None else check_name(name)
        one = Recurring(given, own, found, objects, zone, missed, tuple(args), dict(kwargs or {}))
        _note(one)
        return task

    return declare


def _note(one: Recurring) -> None:
    other = _declared.get(one.name)
    # A module that is reloaded declares its task anew.
    if other is not None and (other.task is one.task or other.task.name != one.task.name):
        raise ImproperlyConfigured(
            f"Two schedules are named {one.name!r}: of {other.task.name} and of {one.task.name}. "
            f"Give one of them another name=."
        )
    _declared[one.name] = one


def check_missed(missed: Any) -> None:
    """Raise ``ValueError`` if nothing can be done so about slots that were missed."""
    if missed not in MISSED:
        raise ValueError(f"missed must be one of {', '.join(map(repr, MISSED))}, not {missed!r}.")


def check_name(name: Any) -> str:
    """Return the name of a schedule; raise ``TypeError`` or ``ValueError`` for what is none."""
    if not isinstance(name, str):
        raise TypeError(
            f"The name of a schedule is text, not {name!r:.80} of type {type(name).__qualname__}."
        )
    is_text = "\0" not in name and name.encode(errors="ignore").decode() == name
    if not name.strip() or len(name) > MAX_NAME or not is_text:
        raise ValueError(
            f"The name of a schedule has 1 to {MAX_NAME} characters, none of them NUL or a lone "
            f"surrogate; it is {name!r:.80}."
        )
    return name


def declared() -> list[Recurring]:
    """Return every schedule that code of this process declares."""
    return list(_declared.values())


def get(name: str) -> Recurring | None:
    """Return the schedule declared as ``name`` in this process, or ``None``."""
    return _declared.get(name)
