"""
Settings: one typed property for each key of ``BOOGIE_TASKS``.

Read live, so ``override_settings`` works. System checks report unknown keys
and wrong types by :meth:`Conf.problems`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic, TypeVar, overload

from django.conf import settings

T = TypeVar("T")

DAY = 24 * 3600.0
#: Databases reckon with times so long before and after now.
CENTURY = 100 * 366 * DAY

#: Seconds that ended rows are kept, for each outcome; ``None`` keeps them for ever.
RETENTION: dict[str, float | None] = {
    "finished": 30 * DAY,
    "failed": 90 * DAY,
    "cancelled": 30 * DAY,
}


#: Names of levels of logging.
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def seconds(value: float | timedelta) -> float:
    """Take a number of seconds or a ``timedelta``; return seconds."""
    return value.total_seconds() if isinstance(value, timedelta) else float(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


@dataclass(frozen=True)
class _Kind(Generic[T]):
    """What a setting accepts: a predicate with its description, and how to read it."""

    expected: str

    def accepts(self, value: Any) -> bool:
        raise NotImplementedError

    def read(self, value: Any) -> T:
        raise NotImplementedError


class _Seconds(_Kind[float]):
    def accepts(self, value: Any) -> bool:
        if not _is_number(value) and not isinstance(value, timedelta):
            return False
        return 0 < seconds(value) <= CENTURY

    def read(self, value: Any) -> float:
        return seconds(value)


class _Count(_Kind[int]):
    def accepts(self, value: Any) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and value >= 0

    def read(self, value: Any) -> int:
        return int(value)


class _Path(_Kind[str | None]):
    def accepts(self, value: Any) -> bool:
        return value is None or (isinstance(value, str) and bool(value))

    def read(self, value: Any) -> str | None:
        return None if value is None else str(value)


class _Version(_Path):
    def accepts(self, value: Any) -> bool:
        return value is None or (isinstance(value, str) and 0 < len(value) <= 100)


class _Level(_Path):
    def accepts(self, value: Any) -> bool:
        return value is None or value in LEVELS


class _Retention(_Kind[dict[str, float | None]]):
    def accepts(self, value: Any) -> bool:
        return (
            isinstance(value, dict)
            and value.keys() <= RETENTION.keys()
            and all(v is None or SECONDS.accepts(v) for v in value.values())
        )

    def read(self, value: Any) -> dict[str, float | None]:
        given = {k: None if v is None else seconds(v) for k, v in value.items()}
        return {**RETENTION, **given}


SECONDS = _Seconds("a positive number of seconds or a timedelta, of a hundred years at most")
COUNT = _Count("a whole number, 0 or more")
PATH = _Path("a dotted path such as 'proj.celery.app', or None")
VERSION = _Version("text of 1 to 100 characters, or None")
LEVEL = _Level("a level of logging such as 'INFO', or None")
RETENTIONS = _Retention(
    "a dict whose keys are among 'finished', 'failed' and 'cancelled' and whose values "
    "are seconds, a timedelta, or None to keep rows for ever"
)


class Setting(Generic[T]):
    """Descriptor of one key of ``settings.BOOGIE_TASKS``."""

    def __init__(self, kind: _Kind[T], default: Any) -> None:
        self.kind = kind
        self.default = default

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type) -> "Setting[T]": ...
    @overload
    def __get__(self, instance: object, owner: type) -> T: ...
    def __get__(self, instance: object | None, owner: type) -> "Setting[T] | T":
        if instance is None:
            return self
        given = getattr(settings, "BOOGIE_TASKS", {})
        return self.kind.read(given.get(self.name, self.default))


class Conf:
    """The settings of this app, as attributes; times are floats, in seconds."""

    #: Dotted path of the Celery app; ``None``: the project's current one, else the shipped one.
    CELERY_APP = Setting(PATH, None)
    #: A queued row whose doorbell was published is looked at again after this time.
    RING_AGAIN = Setting(SECONDS, 60)
    #: A publish is given up after this time.
    PUBLISH_TIMEOUT = Setting(SECONDS, 2)
    #: After a publish that failed none is tried for this time.
    PUBLISH_PAUSE = Setting(SECONDS, 5)
    #: How long a body that has ended waits for a database that went away.
    SETTLE_TIMEOUT = Setting(SECONDS, 600)
    #: A ``call()`` that still runs after this time has lost its process.
    CALL_LIMIT = Setting(SECONDS, 6 * 3600)
    #: Times a row may lose its worker, or its database, before it fails.
    MAX_LOSSES = Setting(COUNT, 3)
    #: Largest arguments of one row, in bytes of JSON.
    MAX_ARGUMENTS_SIZE = Setting(COUNT, 1024 * 1024)
    #: Largest result of one row, in bytes of JSON.
    MAX_RESULT_SIZE = Setting(COUNT, 10 * 1024 * 1024)
    #: How often a worker says that it is alive.
    HEARTBEAT = Setting(SECONDS, 5)
    #: A worker not heard of for this time is dead.
    WORKER_TIMEOUT = Setting(SECONDS, 20)
    #: A row that may run for this long, and does not although workers live, is stuck.
    STUCK_AFTER = Setting(SECONDS, 300)
    #: How long ended rows are kept, for each outcome.
    RETENTION = Setting(RETENTIONS, {})
    #: The level from which on rows keep what their bodies log; ``None``: nothing.
    KEEP_LOG = Setting(LEVEL, None)
    #: A bar that has not moved for this time is shown as stalled.
    STALLED_AFTER = Setting(SECONDS, 600)
    #: How long a page may go on asking for the rows that it shows.
    TOKEN_AGE = Setting(SECONDS, 86400)
    #: The version of the project: where it changes the dashboard marks a deploy.
    VERSION = Setting(VERSION, None)

    def problems(self) -> Iterator[tuple[str, str]]:
        """Yield ``(key or '', message)`` for everything wrong in ``settings.BOOGIE_TASKS``."""
        given = getattr(settings, "BOOGIE_TASKS", {})
        if not isinstance(given, dict):
            yield "", f"BOOGIE_TASKS must be a dict, not {type(given).__name__}."
            return
        for key, value in given.items():
            setting = vars(Conf).get(key) if isinstance(key, str) else None
            if not isinstance(setting, Setting):
                yield str(key), f"BOOGIE_TASKS has an unknown key {key!r}."
            elif not setting.kind.accepts(value):
                expected = setting.kind.expected
                yield key, f"BOOGIE_TASKS[{key!r}] must be {expected}, not {value!r}."

    @classmethod
    def names(cls) -> list[str]:
        """Return the known keys, sorted."""
        return sorted(name for name, value in vars(cls).items() if isinstance(value, Setting))


conf = Conf()
