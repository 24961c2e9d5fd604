"""
Which values options can have: those that every row gets.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from celery.utils.time import rate
from django.utils.functional import LazyObject

from boogie.apps.tasks import priorities, schedules
from boogie.apps.tasks.kinds import LEVELS
from boogie.apps.tasks.recurrence import zones

#: Characters of a column for names.
MAX_NAME = 255

#: Between a time and what it is in another zone.
MARGIN = timedelta(days=2)


def check_priority(name: str, priority: Any) -> None:
    """Raise ``ValueError`` if a row of the task ``name`` cannot have this priority."""
    if priority is not None and (type(priority) is not int or priority not in priorities.OF_TASKS):
        raise ValueError(f"{name}: priority must be a whole number from 0 to 9, not {priority!r}.")


def check_queue(name: str, queue: Any) -> None:
    """Raise ``ValueError`` if a row of the task ``name`` cannot wait in this queue."""
    if queue is not None and not (isinstance(queue, str) and queue):
        raise ValueError(f"{name}: queue must be a name, not {queue!r}.")
    if queue is not None and not _fits(queue):
        raise ValueError(
            f"{name}: the name of a queue has at most {MAX_NAME} characters, none of them NUL or "
            f"a lone surrogate; it is {queue!r:.80}."
        )


def check_user(name: str, user: Any) -> None:
    """Raise ``TypeError`` if this cannot be who asks for a row; a lazy user is not asked for."""
    if user is None or isinstance(user, LazyObject):
        return
    if isinstance(user, type) or not (hasattr(user, "pk") and hasattr(user, "get_username")):
        raise TypeError(
            f"{name}: requested_by must be a user, or None, not {user!r:.80} of type "
            f"{type(user).__qualname__}."
        )


def check_schedule(options: Mapping[str, Any]) -> None:
    """Raise ``TypeError`` or ``ValueError`` if a schedule cannot have one of these options."""
    if "name" in options:
        schedules.check_name(options["name"])
    if "time_zone" in options:
        zones.checked(options["time_zone"])
    if "missed" in options:
        schedules.check_missed(options["missed"])


def check_log(name: str, level: Any) -> None:
    """Raise ``ValueError`` if there is no such level; what is no text is an attribute of theirs."""
    if isinstance(level, str) and level not in LEVELS:
        raise ValueError(f"{name}: log must be one of {', '.join(LEVELS)}, not {level!r}.")


def check_expires(name: str, expires: Any) -> None:
    """Raise ``TypeError`` or ``ValueError`` if no row can be started by then."""
    if expires is None:
        return
    if isinstance(expires, datetime):
        _check_moment(name, expires)
        return
    if not isinstance(expires, int | float | timedelta) or isinstance(expires, bool):
        raise TypeError(
            f"{name}: expires must be a number of seconds, a timedelta or a datetime, "
            f"not {expires!r:.80} of type {type(expires).__qualname__}."
        )
    try:
        length = expires if isinstance(expires, timedelta) else timedelta(seconds=expires)
        is_fit = length > timedelta(0) and bool(datetime.now() + length)
    except (OverflowError, ValueError):  # there is no such date, or it is not a number
        is_fit = False
    if not is_fit:
        raise ValueError(
            f"{name}: expires must be more than 0 seconds, and no later than the year 9999; it is "
            f"{expires!r:.80}."
        )


def _check_moment(name: str, expires: datetime) -> None:
    try:
        _ = (expires - MARGIN, expires + MARGIN)
    except OverflowError:
        raise ValueError(
            f"{name}: expires must be a time that every zone has a date for, in the years 1 to "
            f"9999; it is {expires}."
        ) from None


def check_rate_limit(name: str, given: Any) -> None:
    """Raise ``ValueError`` for what Celery's workers cannot read as a rate."""
    is_fit = given is None or (isinstance(given, int | float | str) and type(given) is not bool)
    try:
        if is_fit:
            rate(given)
    except (KeyError, ValueError):  # as Celery does: of the unit, of the number
        is_fit = False
    if not is_fit:
        raise ValueError(
            f"{name}: rate_limit must be a number of starts a second or a text such as '10/m', for "
            f"each worker by itself, not {given!r:.80}. For all workers together say "
            f"limits=[Rate(10, per=60)]."
        )


def check_errors(name: str, option: str, errors: Any) -> None:
    """Raise ``TypeError`` if these are no exceptions that can be caught."""
    is_fit = isinstance(errors, Collection) and all(
        isinstance(error, type) and issubclass(error, BaseException) for error in errors
    )
    if not is_fit:
        raise TypeError(
            f"{name}: {option} must be a list or tuple of exception classes, not {errors!r:.80}."
        )


def check_sensitive(name: str, sensitive: Any, parameters: Collection[str]) -> None:
    """Raise ``TypeError`` or ``ValueError`` if these are no names of arguments."""
    if isinstance(sensitive, str):
        raise TypeError(f"{name}: sensitive must be a list of names, not {sensitive!r}.")
    for argument in sensitive:
        if argument not in parameters:
            raise ValueError(f"{name}: sensitive names {argument!r}, which is no argument of it.")


def check_names(names: tuple[str, ...]) -> None:
    """Raise ``ValueError`` if a row cannot have one of these names of a task."""
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"The name of a task is a text, not {name!r:.300}.")
        if not _fits(name):
            raise ValueError(
                f"{name!r:.300}: the name of a task has at most {MAX_NAME} characters, none of "
                f"them NUL or a lone surrogate."
            )


def _fits(text: str) -> bool:
    is_text = "\0" not in text and text.encode(errors="ignore").decode() == text
    return is_text and len(text) <= MAX_NAME
