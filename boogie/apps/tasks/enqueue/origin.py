"""
For whom, within which row, and in which batch, new rows are made.

It belongs to a context: a request, a body, a block. Nothing is asked of a database before a row
is made: the user of a request may be lazy.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any, Protocol

from boogie.apps.tasks.models import Task, people
from boogie.apps.tasks.serialization import references


class Joined(Protocol):
    """A batch that new rows join."""

    def mark(self, row: Task) -> None:
        """Write into a new row of which batch it is."""


class Source(Protocol):
    """Where rows come from."""

    def mark(self, row: Task) -> None:
        """Write into a new row where it comes from."""

    def name_requester(self, row: Any) -> None:
        """Write who asks for it."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Who asks for rows: ``user``, or whoever asked for the row ``parent``, which makes them."""

    user: Any = None
    parent: Task | None = None
    #: What tells a new row of which batch it is.
    batch: Joined | None = None
    #: The schedule whose slot they are.
    schedule: Any = None

    def mark(self, row: Task) -> None:
        """Write into a new row where it comes from."""
        if self.parent is not None:
            row.parent_id = self.parent.pk
        if self.batch is not None:
            self.batch.mark(row)
        self.name_requester(row)

    def name_requester(self, row: Any) -> None:
        """Write into a new row, or a batch, who asks for it."""
        if self.parent is not None:
            row.requested_by_id = self.parent.requested_by_id
            row.requested_by_name = self.parent.requested_by_name
        user = references.unwrap(self.user)
        if user is not None:
            row.requested_by_id = people.key_of(user)
            row.requested_by_name = people.name_of(user)


_current: ContextVar[Source | None] = ContextVar("boogie_tasks_origin", default=None)


def current() -> Source | None:
    """Return where rows that are made in this context come from."""
    return _current.get()


@contextmanager
def coming_from(origin: Origin) -> Iterator[None]:
    """Have rows that are made within come from ``origin``."""
    around = _current.get()
    if isinstance(around, Origin):
        parent = origin.parent if origin.parent is not None else around.parent
        batch = origin.batch if origin.batch is not None else around.batch
        origin = replace(origin, parent=parent, batch=batch)
    with exactly(origin):
        yield


@contextmanager
def joining(batch: Joined) -> Iterator[None]:
    """Have rows that are made within join ``batch``, and come from where they do besides."""
    around = _current.get()
    with exactly(replace(around if isinstance(around, Origin) else Origin(), batch=batch)):
        yield


@contextmanager
def scheduled_by(schedule: Any, user: Any) -> Iterator[None]:
    """Have rows that are made within be a slot of ``schedule``, for ``user`` if that is anybody."""
    around = _current.get()
    found = around if isinstance(around, Origin) else Origin()
    with exactly(replace(found, schedule=schedule, user=found.user if user is None else user)):
        yield


@contextmanager
def exactly(source: Source) -> Iterator[None]:
    """Have rows that are made within come from ``source``, and from nowhere else."""
    token = _current.set(source)
    try:
        yield
    finally:
        _current.reset(token)
