"""
What one claimed attempt knows, and how far it has come. No statements.
"""

from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from typing import Any

from celery.exceptions import Retry
from django.db import DEFAULT_DB_ALIAS

from boogie.apps.tasks import identity, registry
from boogie.apps.tasks.lifecycle import states
from boogie.apps.tasks.models import Task, TaskQuerySet
from boogie.apps.tasks.serialization import sealing, secrets
from boogie.apps.tasks.tracking.reporter import Reporter

from . import errors

#: The outcome of a run whose row somebody else settled, cancelled or rescued meanwhile.
TAKEN = "taken"

#: The outcome of a run whose ``atomic`` body deleted its row; its effects are committed.
DELETED = "deleted"

#: What is told as the outcome of a run that has sent its row back to be queued.
RETRIED = "retried"


class Stage(Enum):
    """How far a claimed attempt has come on its way through the task's class."""

    CLAIMED = "claimed"
    #: Behind the gate: what a project's base classes do around the body.
    ENTERED = "entered"
    #: The body runs; to call the task from here on is a plain call.
    IN_BODY = "in body"


@cache
def rows_in(using: str) -> TaskQuerySet:
    """Return all rows of a database: to be filtered, never to be read as they are."""
    return Task.objects.using(using)


@dataclass
class Run:
    """What one claimed attempt knows. It lives on ``task.request``, never on the task."""

    row: Task
    args: list[Any]
    kwargs: dict[str, Any]
    #: The object was deleted, or cannot be read: why.
    gone: BaseException | None = None
    #: Whether it is the object that was deleted.
    is_orphan: bool = False
    #: The packed result, once the body has returned.
    data: Any = None
    #: What the function returned.
    result: Any = None
    #: What the body raised, unchanged, and the entry for ``errors`` made of it.
    exception: BaseException | None = None
    error: dict[str, Any] | None = None
    #: Whether that was the body, or what packs its result; not the database around it.
    has_raised: bool = False
    #: Why it failed or is retried: the entry for ``errors`` that was stored.
    reason: dict[str, Any] | None = None
    #: When it began, by this process's clock; ``None``: not in this process.
    began: float | None = None
    #: Whether those who wait for what it held were woken.
    is_handed_over: bool = False
    #: Whether its end has been logged.
    is_told: bool = False
    #: ``retry(throw=False)`` asks for this once the body has returned.
    postponed: Retry | None = None
    #: Changes to the row that a retry brings along.
    changes: dict[str, Any] = field(default_factory=dict)
    #: When a check for cancellation asks the database again, by this process's clock.
    next_check: float = 0.0
    #: When it was taken up, before it was claimed, by this process's clock.
    since: float = 0.0
    #: A check has found that the row is not its own any more.
    is_lost: bool = False
    #: While a coroutine is its body: the thread that asks the database for it.
    helper: Any = None
    stage: Stage = Stage.CLAIMED
    #: Values that are not to be shown.
    hidden: tuple[str, ...] = ()
    #: Whether what it tells is stored encrypted.
    seals: bool = False
    #: How it ended: a status, :data:`TAKEN` or :data:`DELETED`; ``None``: it is not settled yet.
    outcome: str | None = None
    #: The row of a function that has finished, as it is then.
    settled: Task | None = None
    #: The contexts that were restored, and what leaves them.
    around: list[Any] = field(default_factory=list)
    #: What it tells of itself, kept with its row.
    reporter: Reporter = field(init=False)

    def __post_init__(self) -> None:
        self.reporter = Reporter(self.row)

    @property
    def db(self) -> str:
        """The database that has the row."""
        return self.row._state.db or DEFAULT_DB_ALIAS

    @property
    def rows(self) -> TaskQuerySet:
        """All rows of that database."""
        return rows_in(self.db)

    @property
    def itself(self) -> TaskQuerySet:
        """The row alone, as it is stored by then."""
        return self.rows.filter(pk=self.row.pk)

    def enters(self) -> bool:
        """Take the step through the gate; return whether this is the run's own call."""
        return self._steps(Stage.CLAIMED, Stage.ENTERED)

    def begins(self) -> bool:
        """Take the step into the body; return whether this is the run's own call."""
        return self._steps(Stage.ENTERED, Stage.IN_BODY)

    def _steps(self, source: Stage, target: Stage) -> bool:
        if self.stage is not source:
            return False
        self.stage = target
        return True

    @property
    def told(self) -> str | None:
        """The outcome of this attempt, as logs and traces have it; its row may go on."""
        return RETRIED if self.outcome == states.QUEUED else self.outcome

    @property
    def is_call(self) -> bool:
        """Whether a ``call()`` runs it, not a worker."""
        return identity.is_call(self.row.worker)

    def describe(self, exception: BaseException) -> dict[str, Any]:
        """Return the entry of ``Task.errors`` for an exception that ended this attempt."""
        entry = errors.describe(exception, self.row.attempt, self.row.worker)
        if not self.hidden and (task := registry.get(self.row.name)) is not None:
            # What is raised before the body, by a hook, knows the arguments as well.
            self.hidden = secrets.hidden(task, self.args, self.kwargs)
        for text in ("message", "traceback") if self.hidden else ():
            entry[text] = secrets.masked(entry[text], self.hidden)
        for text in ("message", "traceback") if self.seals else ():
            entry[text] = sealing.Secret(entry[text])
        return entry
