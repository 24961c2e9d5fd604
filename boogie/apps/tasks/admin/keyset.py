"""
Pages of rows by key: what comes after, or before, the last row that was seen.

Rows that come in move no page, and the last page costs what the first one does.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _

from boogie.apps.tasks.db.moments import in_utc
from boogie.apps.tasks.enqueue import times
from boogie.apps.tasks.models import Task, TaskQuerySet
from boogie.apps.tasks.monitoring import walking
from boogie.apps.tasks.monitoring.filters import Filters

AFTER, BEFORE = "after", "before"

#: Before what the last page stands.
END = "end"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class CursorError(ValueError):
    """What is no place in a list."""


@dataclass(frozen=True)
class Order:
    """
    Newest first, by the id; or by when rows ``ended``, where only ended ones are listed.

    Ids are in the order in which rows were made. A cursor has the microsecond and the id:
    many rows end in one second.
    """

    by_end: bool = False

    def names(self, backwards: bool = False) -> list[str]:
        """Return what rows are ordered by."""
        names = ["ended", "pk"] if self.by_end else ["pk"]
        return names if backwards else [f"-{name}" for name in names]

    def beyond(self, rows: TaskQuerySet, cursor: str, backwards: bool = False) -> TaskQuerySet:
        """Return those of ``rows`` that come behind a place; ``backwards``: in front of it."""
        key, ended = self._read(cursor)
        side = "gt" if backwards else "lt"
        if not self.by_end:
            return rows.filter(**{f"pk__{side}": key})
        # Said twice: databases find the place in the index by the first condition.
        same = Q(ended=ended, **{f"pk__{side}": key})
        return rows.filter(Q(**{f"ended__{side}e": ended}), Q(**{f"ended__{side}": ended}) | same)

    def cursor(self, row: Task) -> str:
        """Return the place of a row."""
        if self.by_end and row.ended is not None:
            return f"{_microseconds(row.ended)}.{row.pk.hex}"
        return str(row.pk.hex)

    def _read(self, cursor: str) -> tuple[uuid.UUID, datetime | None]:
        number, _dot, key = cursor.rpartition(".")
        try:
            found = uuid.UUID(key)
            if not self.by_end:
                return found, None
            return found, _from_microseconds(int(number)) if number else _end_of(found)
        except (ValueError, OverflowError):
            raise CursorError(
                _("%(place)r is no place in this list.") % {"place": cursor}
            ) from None


def _microseconds(moment: datetime) -> int:
    return (in_utc(moment) - _EPOCH) // timedelta(microseconds=1)


def _from_microseconds(number: int) -> datetime:
    return times.stored(_EPOCH + timedelta(microseconds=number))


def _end_of(key: uuid.UUID) -> datetime:
    ended = Task.objects.filter(pk=key).values_list("ended", flat=True).first()
    if ended is None:
        raise ValueError(key)
    return ended


@dataclass(frozen=True)
class Page:
    """
    One page of a list. ``newer`` and ``older`` are the parameters of the pages beside it.

    ``further``: those with which to go on where not all could be looked at.
    """

    rows: list[Task] = field(default_factory=list)
    newer: dict[str, str] | None = None
    older: dict[str, str] | None = None
    further: dict[str, str] | None = None


@dataclass(frozen=True)
class Listing:
    """The rows that ``filters`` select ``among`` some, in ``order``."""

    filters: Filters
    among: TaskQuerySet
    order: Order
    size: int

    def page(self, params: Mapping[str, Any]) -> Page:
        """Return the page that ``params`` name; raise :class:`CursorError`."""
        if before := str(params.get(BEFORE) or ""):
            return self._before(before)
        after = str(params.get(AFTER) or "")
        found = self._look(after)
        rows, place = found.rows, self.order.cursor
        return Page(
            rows=rows,
            newer={BEFORE: place(rows[0])} if after and rows else None,
            older={AFTER: place(rows[-1])} if rows and not found.exhausted else None,
            further={AFTER: place(found.last)} if found.gave_up and found.last else None,
        )

    def _before(self, before: str) -> Page:
        found = self._look("" if before == END else before, backwards=True)
        rows, place = found.rows[::-1], self.order.cursor
        return Page(
            rows=rows,
            newer={BEFORE: place(rows[0])} if rows and not found.exhausted else None,
            older={AFTER: place(rows[-1])} if before != END and rows else None,
            further={BEFORE: place(found.last)} if found.gave_up and found.last else None,
        )

    def _look(self, cursor: str, backwards: bool = False) -> walking.Found:
        def beyond(rows: TaskQuerySet) -> TaskQuerySet:
            return self.order.beyond(rows, cursor, backwards) if cursor else rows

        names = self.order.names(backwards)
        if not self._is_indexed:
            return walking.look(self.filters, names, self.size, beyond, self.among)
        rows = beyond(self.filters.apply(self.among)).order_by(*names)
        found = list(rows.defer(*walking.UNSEEN)[: self.size + 1])
        return walking.Found(found[: self.size], exhausted=len(found) <= self.size, last=None)

    @property
    def _is_indexed(self) -> bool:
        """Whether one index has just these rows, in this order."""
        names = set(self.filters.as_dict())
        is_plain = names == ({"status"} if self.order.by_end else set())
        return is_plain and not self.among.query.where
