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

from boogie.apps.tasks.db.moments import in_utc
from boogie.apps.tasks.enqueue import times
from boogie.apps.tasks.models import Task, TaskQuerySet

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

    def sorted(self, rows: TaskQuerySet, backwards: bool = False) -> TaskQuerySet:
        """Return ``rows`` in this order."""
        names = ["ended", "pk"] if self.by_end else ["pk"]
        return rows.order_by(*(name if backwards else f"-{name}" for name in names))

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
            raise CursorError(f"{cursor!r} is no place in this list.") from None


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
    """One page of a list. ``newer`` and ``older`` are the parameters of the pages beside it."""

    rows: list[Task] = field(default_factory=list)
    newer: dict[str, str] | None = None
    older: dict[str, str] | None = None


def page(rows: TaskQuerySet, order: Order, params: Mapping[str, Any], size: int) -> Page:
    """Return the page that ``params`` name; raise :class:`CursorError`."""
    if before := params.get(BEFORE):
        return _page_before(rows, order, str(before), size)
    after = str(params.get(AFTER) or "")
    behind = order.beyond(rows, after) if after else rows
    found = list(order.sorted(behind)[: size + 1])
    shown = found[:size]
    return Page(
        rows=shown,
        newer={BEFORE: order.cursor(shown[0])} if after and shown else None,
        older={AFTER: order.cursor(shown[-1])} if len(found) > size else None,
    )


def _page_before(rows: TaskQuerySet, order: Order, before: str, size: int) -> Page:
    in_front = rows if before == END else order.beyond(rows, before, backwards=True)
    found = list(order.sorted(in_front, backwards=True)[: size + 1])
    shown = found[:size][::-1]
    return Page(
        rows=shown,
        newer={BEFORE: order.cursor(shown[0])} if len(found) > size else None,
        older={AFTER: order.cursor(shown[-1])} if before != END and shown else None,
    )
