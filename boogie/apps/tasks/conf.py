"""
Settings: one typed property for each key of ``BOOGIE_TASKS``.

Read live, so ``override_settings`` works. System checks report unknown keys
and wrong types by :meth:`Conf.problems`.
"""

from collections.abc import Iterator
from typing import Any, Generic, TypeVar, overload

from django.conf import Settings, settings

from . import kinds
from .kinds import Kind

T = TypeVar("T")

NAME = "BOOGIE_TASKS"

#: What Django's settings hold, and have found before: always this dict, emptied when they change.
_held = vars(settings)


def given() -> Any:
    """Return ``settings.BOOGIE_TASKS``; ``{}`` if the project has none, or what is no dict."""
    if isinstance(found := _held.get(NAME), dict):
        return found
    wrapped = _held.get("_wrapped")
    # What a project lacks Django looks for, and raises, each time that it is read.
    if type(wrapped) is Settings and NAME not in vars(wrapped):
        return {}
    found = getattr(settings, NAME, {})
    return found if isinstance(found, dict) else {}


class Setting(Generic[T]):
    """Descriptor of one key of ``settings.BOOGIE_TASKS``."""

    def __init__(self, kind: Kind[T], default: Any) -> None:
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
        return self.kind.read(given().get(self.name, self.default))


class Conf:
    """The settings of this app, as attributes; times are floats, in seconds."""

    #: Dotted path of the Celery app; ``None``: the project's current one, else the shipped one.
    CELERY_APP = Setting(kinds.PATH, None)
    #: A queued row whose doorbell was published is looked at again after this time.
    RING_AGAIN = Setting(kinds.SECONDS, 60)
    #: A publish is given up after this time.
    PUBLISH_TIMEOUT = Setting(kinds.SECONDS, 2)
    #: After a publish that failed none is tried for this time.
    PUBLISH_PAUSE = Setting(kinds.SECONDS, 5)
    #: How long a body that has ended waits for a database that went away.
    SETTLE_TIMEOUT = Setting(kinds.SECONDS, 600)
    #: A ``call()`` that still runs after this time has lost its process.
    CALL_LIMIT = Setting(kinds.SECONDS, 6 * 3600)
    #: Times a row may lose its worker, or its database, before it fails.
    MAX_LOSSES = Setting(kinds.COUNT, 3)
    #: Largest arguments of one row, in bytes of JSON.
    MAX_ARGUMENTS_SIZE = Setting(kinds.COUNT, 1024 * 1024)
    #: Largest result of one row, in bytes of JSON.
    MAX_RESULT_SIZE = Setting(kinds.COUNT, 10 * 1024 * 1024)
    #: How often a worker says that it is alive.
    HEARTBEAT = Setting(kinds.SECONDS, 5)
    #: A worker not heard of for this time is dead.
    WORKER_TIMEOUT = Setting(kinds.SECONDS, 20)
    #: How many connections to a database the bodies in threads or greenlets share; 0: each has one.
    WORKER_CONNECTIONS = Setting(kinds.COUNT, 0)
    #: A row that may run for this long, and does not although workers live, is stuck.
    STUCK_AFTER = Setting(kinds.SECONDS, 300)
    #: How long ended rows are kept, for each outcome.
    RETENTION = Setting(kinds.RETENTIONS, {})
    #: The level from which on rows keep what their bodies log; ``None``: nothing.
    KEEP_LOG = Setting(kinds.LEVEL, None)
    #: A bar that has not moved for this time is shown as stalled.
    STALLED_AFTER = Setting(kinds.SECONDS, 600)
    #: How long a page may go on asking for the rows that it shows.
    TOKEN_AGE = Setting(kinds.SECONDS, 86400)
    #: The version of the project: where it changes the dashboard marks a deploy.
    VERSION = Setting(kinds.VERSION, None)
    #: The file that a worker touches as long as it lives; ``%n`` and ``%h`` are as in Celery.
    HEARTBEAT_FILE = Setting(kinds.FILE, None)
    #: Keys of what is stored encrypted: the first writes, all read.
    ENCRYPTION_KEYS = Setting(kinds.KEYS, ())
    #: The classes of what travels with rows, by their dotted paths.
    CONTEXTS = Setting(kinds.PATHS, [])
    #: Whether the span of an attempt is a child of the one that made the row, or linked to it.
    TRACE = Setting(kinds.TRACE, "parent")

    #: Whether there is a page of metrics for Prometheus.
    METRICS = Setting(kinds.FLAG, False)
    #: What who reads metrics has to send; ``None``: a login does.
    METRICS_TOKEN = Setting(kinds.SECRET, None)

    def problems(self) -> Iterator[tuple[str, str]]:
        """Yield ``(key or '', message)`` for everything wrong in ``settings.BOOGIE_TASKS``."""
        tasks = getattr(settings, NAME, {})
        if not isinstance(tasks, dict):
            yield "", f"BOOGIE_TASKS must be a dict, not {type(tasks).__name__}."
            return
        for key, value in tasks.items():
            setting = vars(Conf).get(key) if isinstance(key, str) else None
            if not isinstance(setting, Setting):
                yield str(key), f"BOOGIE_TASKS has an unknown key {key!r}."
            elif not setting.kind.accepts(value):
                fault = setting.kind.fault(value)
                yield key, f"BOOGIE_TASKS[{key!r}] must be {setting.kind.expected}{fault}."

    @classmethod
    def names(cls) -> list[str]:
        """Return the known keys, sorted."""
        return sorted(name for name, value in vars(cls).items() if isinstance(value, Setting))


conf = Conf()
