"""
What one attempt knows.
"""

from dataclasses import dataclass, field
from typing import Any

from celery.exceptions import Retry
from django.db import DEFAULT_DB_ALIAS

from boogie.apps.tasks.models import Task, TaskQuerySet


@dataclass
class Run:
    """What one claimed attempt knows. It lives on ``task.request``, never on the task."""

    row: Task
    args: list[Any]
    kwargs: dict[str, Any]
    #: The object was deleted, or cannot be read: why.
    gone: Exception | None = None
    #: The packed result, once the body has returned.
    data: Any = None
    #: What the function returned.
    result: Any = None
    #: What the body raised, unchanged, and the entry for ``errors`` made of it.
    exception: BaseException | None = None
    error: dict[str, Any] | None = None
    #: Whether that was the body, or what packs its result; not the database around it.
    has_raised: bool = False
    #: ``retry(throw=False)`` asks for this once the body has returned.
    postponed: Retry | None = None
    #: Changes to the row that a retry brings along.
    changes: dict[str, Any] = field(default_factory=dict)
    #: When :func:`check` asks the database again, by this process's clock.
    next_check: float = 0.0
    entered: bool = False
    in_body: bool = False
    #: How it ended: a status of ``states.py``, ``"lost"`` if the row moved meanwhile.
    outcome: str | None = None

    @property
    def db(self) -> str:
        """The database that has the row."""
        return self.row._state.db or DEFAULT_DB_ALIAS

    @property
    def rows(self) -> TaskQuerySet:
        """All rows of that database."""
        return Task.objects.using(self.db)
