"""
Which rows somebody has chosen: by their filters, or some of those by their ids, at one moment.
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from boogie.apps.tasks.enqueue import times
from boogie.apps.tasks.models import Task, TaskQuerySet

from .filters import Filters
from .verbs import Verb

#: Rows that a verb moves at one time.
CHUNK = 500


@dataclass(frozen=True)
class Selection:
    """Rows that matched when they were ``shown``, by the database's clock, and still do."""

    filters: Filters
    shown: datetime
    #: Those that were picked among them; ``None``: all.
    keys: tuple[uuid.UUID, ...] | None = None

    def matching(self, among: TaskQuerySet | None = None) -> TaskQuerySet:
        """Return the rows, ``among`` some, whether or not a verb can move them."""
        return self.filters.apply(self._known(among))

    def movable(self, verb: Verb, among: TaskQuerySet | None = None) -> TaskQuerySet:
        """Return those that ``verb`` can move, and could when they were shown."""
        return self.filters.apply(self.within(verb, among))

    def within(self, verb: Verb, among: TaskQuerySet | None = None) -> TaskQuerySet:
        """Return the rows that ``verb`` can move, and could then, whatever the filters select."""
        return verb.before(self._known(among), times.stored(self.shown))

    def _known(self, among: TaskQuerySet | None) -> TaskQuerySet:
        rows = Task.objects.on_primary() if among is None else among.on_primary()
        if self.keys is not None:
            rows = rows.filter(pk__in=self.keys)
        return rows.filter(created__lte=times.stored(self.shown))

    def chunks(self, verb: Verb) -> Iterator[TaskQuerySet]:
        """Yield the movable rows, so many at a time, by their keys: what moved is passed by."""
        rows = self.movable(verb)
        keys = _next(rows)
        while keys:
            yield rows.filter(pk__in=keys)
            keys = _next(rows.filter(pk__gt=keys[-1]))

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-compatible data."""
        keys = None if self.keys is None else [key.hex for key in self.keys]
        return {"filters": self.filters.as_dict(), "shown": self.shown.isoformat(), "keys": keys}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Selection":
        """Return what :meth:`as_dict` made data of."""
        keys = data["keys"]
        return cls(
            Filters.parse(data["filters"]),
            datetime.fromisoformat(data["shown"]),
            None if keys is None else tuple(uuid.UUID(key) for key in keys),
        )


def _next(rows: TaskQuerySet) -> list[Any]:
    return list(rows.order_by("pk").values_list("pk", flat=True)[:CHUNK])
