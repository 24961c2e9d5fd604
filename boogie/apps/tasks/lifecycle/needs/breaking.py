"""
paused, queued → cancelled: rows are given up that are after one which will never finish.

Transitively, level by level; each statement has its bound, and all are one transaction.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from boogie.apps.tasks.db import outages
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.db.updating.marked import Found
from boogie.apps.tasks.exceptions import Expired, NeverFinished
from boogie.apps.tasks.lifecycle import emit, history, moving, states
from boogie.apps.tasks.lifecycle.batched import telling as batched

from . import arrows

Rows = QuerySet[Any]

#: Statuses of rows that wait for others.
WAITING = (states.PAUSED, states.QUEUED)

#: Rows, or arrows, of one statement.
CHUNK = 500

EXPIRED_TYPE = f"{Expired.__module__}.{Expired.__qualname__}"
TYPE = f"{NeverFinished.__module__}.{NeverFinished.__qualname__}"


@dataclass(frozen=True)
class Broken:
    """A row that will not finish: what it is called, why, and where that began."""

    name: str
    why: str
    root: str = ""

    @property
    def message(self) -> str:
        """What those that are after it read."""
        since = f" since {self.root}" if self.root else ""
        return f"{self.name} {self.why}{since}: this row was to start after it has finished"

    def following(self, name: str) -> "Broken":
        """Return what is told of a row that is cancelled for this."""
        return Broken(name, "was cancelled", self.root or f"{self.name} {self.why}")


def give_up(using: str, ids: Iterable[Any], deleted: bool = False) -> None:
    """
    Cancel all that are after the rows ``ids``, which were cancelled, or are gone.

    Not those after one that was queued again meanwhile. ``deleted``: they are about to go.
    """
    keys = list(dict.fromkeys(ids))
    for start in range(0, len(keys), CHUNK):
        chunk = keys[start : start + CHUNK]
        outages.unlocked(using, partial(_give_up, using, chunk, deleted))


def follow(rows: Rows, found: Found) -> None:
    """Give up those after rows that were cancelled, some of which are needed."""
    ids = found.of("needed")
    if ids is not None:
        key: Any = rows.model._meta.pk
        give_up(rows.db, map(key.to_python, ids))
        return
    while broken := list(_broken(rows.db)[:CHUNK]):
        give_up(rows.db, broken)


def renew(rows: Rows, found: Found) -> None:
    """Have rows that were given up, and are queued again, wait anew for what they are after."""
    ids, given_up = found.of("after"), arrows.all_in(rows.db).filter(state=arrows.GIVEN_UP)
    if ids is not None:
        key: Any = rows.model._meta.pk
        mine = given_up.filter(row_id__in=list(map(key.to_python, ids)))
    else:
        again = arrows.rows_in(rows.db).filter(status=states.QUEUED, is_after=True)
        mine = given_up.filter(Exists(again.filter(pk=OuterRef("row_id"))))
        mine = arrows.all_in(rows.db).filter(pk__in=list(mine.values_list("pk", flat=True)))
    outages.unlocked(rows.db, partial(mine.update, state=arrows.WAITS))


def _broken(using: str) -> Rows:
    """Return the keys of cancelled rows that others still wait for."""
    cancelled = arrows.rows_in(using).filter(pk=OuterRef("needs_id"), status=states.CANCELLED)
    waits = arrows.all_in(using).filter(Exists(cancelled), state=arrows.WAITS)
    return waits.values_list("needs_id", flat=True).distinct()


def _give_up(using: str, keys: list[Any], deleted: bool) -> None:
    with transaction.atomic(using=using):
        level = dict(_reasons(using, keys, deleted))
        while level:
            level = {pk: why for step in _steps(using, level) for pk, why in step.items()}


def _reasons(using: str, keys: list[Any], deleted: bool) -> Iterator[tuple[Any, Broken]]:
    """Yield why rows will not finish; nobody has them queued again before this has committed."""
    rows = arrows.rows_in(using).filter(pk__in=keys).order_by("pk").select_for_update()
    found = {pk: about for pk, *about in rows.values_list("pk", "name", "status", "errors")}
    for key in keys:
        if key not in found:
            yield key, Broken(f"the row {key}", "was deleted before it finished")
            continue
        name, status, errors = found[key]
        if deleted:
            yield key, Broken(f"{name}[{key}]", "was deleted before it finished")
        elif status == states.CANCELLED:
            expired = errors and errors[-1]["type"] == EXPIRED_TYPE
            yield key, Broken(f"{name}[{key}]", "has expired" if expired else "was cancelled")


def _steps(using: str, level: Mapping[Any, Broken]) -> Iterator[dict[Any, Broken]]:
    """Cancel those that are after a level; yield of them what is told to those after them."""
    keys = list(level)
    for start in range(0, len(keys), CHUNK):
        mine = arrows.all_in(using).filter(
            needs_id__in=keys[start : start + CHUNK], state=arrows.WAITS
        )
        is_more = True
        while is_more:
            chunk = list(mine.order_by("pk").values_list("pk", "row_id", "needs_id")[:CHUNK])
            is_more = len(chunk) == CHUNK
            arrows.all_in(using).filter(pk__in=[one[0] for one in chunk]).update(
                state=arrows.GIVEN_UP
            )
            yield _cancel(using, {row: level[needs] for _, row, needs in reversed(chunk)})


def _cancel(using: str, why: Mapping[Any, Broken]) -> dict[Any, Broken]:
    """Cancel rows that wait; return those that others are after, with what these are told."""
    waiting = arrows.rows_in(using).filter(pk__in=list(why), is_after=True)
    waiting = waiting.filter(status__in=WAITING).order_by("pk").select_for_update()
    following, groups, batches = {}, defaultdict(list), set()
    told: dict[Any, Any] = {}
    names = ("pk", "name", "attempt", "errors", "is_needed", "batch_id")
    for pk, name, attempt, errors, needed, batch in waiting.values_list(*names):
        batches.add(batch)
        place = (why[pk], attempt, repr(errors))
        groups[place].append(pk)
        told[place] = history.joined(errors, _entry(why[pk], attempt))
        if needed:
            following[pk] = why[pk].following(f"{name}[{pk}]")
    for place, keys in groups.items():
        same = arrows.rows_in(using).filter(pk__in=keys)
        ended = {"due": None, "held_by": "", "ended": Moment()}
        moving.update(same, states.CANCEL, errors=told[place], **ended)
        emit.many(states.CANCEL, same, keys)
    batched.ended(using, batches)
    return following


def _entry(why: Broken, attempt: int) -> history.Entry:
    return {
        "attempt": attempt,
        "type": TYPE,
        "message": why.message,
        "traceback": f"{TYPE}: {why.message}\n",
        "worker": "",
    }
