"""
For whom, and within which row, new rows are made.

It belongs to a context: a request, a body, a block. Nothing is asked of a database before a row
is made: the user of a request may be lazy.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any

from boogie.apps.tasks.models import Task, people
from boogie.apps.tasks.serialization import references


@dataclass(frozen=True, slots=True)
class Origin:
    """Who asks for rows: ``user``, or whoever asked for the row ``parent``, which makes them."""

    user: Any = None
    parent: Task | None = None

    def mark(self, row: Task) -> None:
        """Write into a new row where it comes from."""
        if self.parent is not None:
            row.parent_id = self.parent.pk
            row.requested_by_id = self.parent.requested_by_id
            row.requested_by_name = self.parent.requested_by_name
        user = references.unwrap(self.user)
        if user is not None:
            row.requested_by_id = people.key_of(user)
            row.requested_by_name = people.name_of(user)


_current: ContextVar[Origin | None] = ContextVar("boogie_tasks_origin", default=None)


def current() -> Origin | None:
    """Return where rows that are made in this context come from."""
    return _current.get()


@contextmanager
def coming_from(origin: Origin) -> Iterator[None]:
    """Have rows that are made within come from ``origin``."""
    around = _current.get()
    if origin.parent is None and around is not None:
        origin = replace(origin, parent=around.parent)
    token = _current.set(origin)
    try:
        yield
    finally:
        _current.reset(token)
