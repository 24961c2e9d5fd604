"""
The place that a unique row has while it lives, and what becomes of rows that find it taken.

A database constraint keeps places: a row has one by its status, and no arrow takes or frees it. So
there is nothing to lose here but a race, which an ``IntegrityError`` tells of.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Case, F, Q, QuerySet, When
from django.db.models.functions import Greatest, Least
from django.utils.translation import gettext_lazy as _

from boogie.apps.tasks.db import commits, outages
from boogie.apps.tasks.db.clock import After
from boogie.apps.tasks.db.moments import MomentField
from boogie.apps.tasks.db.unique.constraint import UniqueAmong
from boogie.apps.tasks.protocols import Row

from . import moving, states, timing, transitions

Rows = QuerySet[Any]

#: Statuses of a row that waits.
WAITING = (states.PAUSED, states.QUEUED)

#: Rows with a place.
LIVE = Q(unique_key__gt="") & (
    Q(status__in=WAITING) | Q(status=states.RUNNING, unique_running=True)
)

TAKEN = _("Of the rows with one 'unique_key' only one may wait, or run, at a time.")

PLACE = UniqueAmong(
    field="unique_key",
    where=LIVE,
    column="unique_place",
    name="boogie_tasks_task_unique",
    violation_error_message=TAKEN,
)

#: Keys that one statement looks for.
CHUNK = 500


class PlaceTaken(Exception):
    """Internal: a row cannot go back, since a newer one has its place."""


def holders(rows: Rows, keys: Iterable[Any]) -> Rows:
    """Return those of ``rows`` that have the places of ``keys``."""
    return PLACE.among(rows, list(keys))


def holder(row: Any) -> Any:
    """Return the other row that has the place of ``row``, or ``None``."""
    if not row.unique_key:
        return None
    everything = type(row)._base_manager.using(row._state.db)
    return holders(everything, [row.unique_key]).exclude(pk=row.pk).first()


def taken(found: list[Any]) -> int:
    """Return of how many of ``found``, which are no holders, another row has the place."""
    keys = [row.unique_key for row in found if row.unique_key]
    if not keys:
        return 0
    everything = type(found[0])._base_manager.using(found[0]._state.db)
    held = set(holders(everything, keys).values_list("unique_key", flat=True))
    return sum(key in held for key in keys)


def is_refusal(rows: Rows, error: IntegrityError) -> bool:
    """Return whether an error says that another row has a place."""
    return PLACE.refused(error, rows.model)


def is_in_line(row: Row) -> bool:
    """Return whether a running row gives its place free, for a newer one that waits."""
    return bool(row.unique_key) and not row.unique_running


def back(rows: Rows, row: Row, move: Callable[[], int]) -> int:
    """
    Do ``move``, which sends the running ``row`` back to be queued; return what it returns.

    Raise :class:`PlaceTaken` if a newer row waits in its place.
    """
    if not is_in_line(row):
        return move()
    try:
        with commits.savepoint(rows.db):
            return move()
    except IntegrityError as error:
        if not is_refusal(rows, error):
            raise
        raise PlaceTaken from error


def requeue(rows: Rows) -> int:
    """
    failed, cancelled → queued: a retry by hand, of rows whose place is free.

    Of several with one key, the newest. Where no place is taken it is the one UPDATE.
    """
    moved = _moved(rows)
    return _requeue_some(rows) if moved is None else moved


def requeue_one(rows: Rows, row: Row) -> int:
    """The same of the one row that ``rows`` are."""
    # What one is after, or of, it is for good: of another row nothing has to be told.
    is_plain = row.batch_id is None and row.is_after is None
    if not row.unique_key:
        return transitions.requeue(rows) if is_plain else _queued(rows)
    return _moved(rows, is_plain) or 0


def _queued(rows: Rows) -> int:
    """
    Queue rows again, and have them wait, and their batches run, in one transaction.

    No keeper would find that half done: a batch that has ended, or a row that was given up.
    """
    return outages.unlocked(rows.db, partial(_queued_as_one, rows))


def _queued_as_one(rows: Rows) -> int:
    with transaction.atomic(using=rows.db):
        return transitions.requeue(rows)


def _moved(rows: Rows, is_plain: bool = False) -> int | None:
    """Queue rows again; ``None``: a place is taken, and none has moved."""
    try:
        if not is_plain:
            return _queued(rows)
        with commits.savepoint(rows.db):
            return transitions.requeue(rows)
    except IntegrityError as error:
        if not is_refusal(rows, error):
            raise
        return None


def _requeue_some(rows: Rows) -> int:
    """Do it in steps: first what has no key, then by key."""
    moved, newest = _queued(rows.filter(unique_key="")), _newest(rows)
    everything = rows.model._base_manager.using(rows.db)
    for start in range(0, len(newest), CHUNK):
        free = dict(newest[start : start + CHUNK])
        for taken in holders(everything, free).values_list("unique_key", flat=True):
            free.pop(taken, None)
        ids = list(free.values())
        now = _moved(everything.filter(pk__in=ids)) if ids else 0
        if now is None:  # one has lost a race meanwhile
            now = sum(_moved(everything.filter(pk=one)) or 0 for one in ids)
        moved += now
    return moved


def _newest(rows: Rows) -> list[tuple[str, Any]]:
    """Return the keys of rows that may be queued again, each with the newest of its rows."""
    unique = moving.guarded(rows.filter(unique_key__gt=""), states.REQUEUE)
    return list(dict(unique.order_by("unique_key", "pk").values_list("unique_key", "pk")).items())


# --- debounce -------------------------------------------------------------------------

#: What the last call brings along.
BROUGHT = (
    "args",
    "kwargs",
    "context",
    "requested_by_id",
    "requested_by_name",
    "parent_id",
    "expires",
)


def postponed(given: Callable[[str], Any], most: float | None, moves: bool) -> dict[str, Any]:
    """
    Return what a call changes in the row that waits: ``given`` has its values, by field.

    ``moves``: it says when the row starts, at most ``most`` seconds after the first call; one
    that was sent back by a run no earlier than that has said. A paused one stays so.
    """
    changes = {name: given(name) for name in BROUGHT}
    if moves:
        start: Any = given("due")
        if most is not None:
            start = Least(start, After(F("created"), most), output_field=MomentField())
        later = Greatest(F("not_before"), start, output_field=MomentField())
        queued, fresh = Q(status=states.QUEUED), Q(attempt=0)
        moved = (When(queued & fresh, then=start), When(queued, then=later))
        waits = When(timing.waits_for_others(), then=F("due"))  # at no time
        changes["due"] = Case(waits, *moved, default=F("due"))
        changes["not_before"] = Case(*moved, default=F("not_before"))
        changes["scheduled_for"] = given("scheduled_for")
        # If it was, it may be anew when its time comes.
        changes["held_by"] = timing.held_unless_free(given("held_by"))
    return {
        name: Case(When(status__in=WAITING, then=value), default=F(name))
        for name, value in changes.items()
    }


def postpone(rows: Rows, key: str, changes: dict[str, Any]) -> int:
    """paused, queued → the same, with what :func:`postponed` returned."""
    waiting = holders(rows, [key]).filter(status__in=WAITING)
    return outages.unlocked(rows.db, partial(waiting.update, **changes))
