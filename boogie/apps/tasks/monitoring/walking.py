"""
Looking for rows where no index has all that is asked: among so many rows, and no more.

First by what few rows have: the whole table while it is small, an object, a user, a task, a status
of rows that have not ended, a span of time. If an index has not too many of these, they are looked
at, and what fits among them is all there is. Else a walk along the list itself, as far as one
look goes; who asks is told where to go on.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from django.db import connections

from boogie.apps.tasks.db import clock, features, ids, sql
from boogie.apps.tasks.lifecycle import parking, states
from boogie.apps.tasks.models import Task, TaskQuerySet

from . import counting, search
from .conditions import moment
from .filters import FILTERS, Filters
from .held import by as held_by

#: Rows of one look; and where each is fetched by itself.
LOOK, SLOW_LOOK = 10_000, 5_000

#: Columns that may be large, and that no list shows.
UNSEEN = ("args", "kwargs", "result", "log")

#: How much the clock of who made a row may differ from the database's, and from true.
SKEW = timedelta(hours=1)

#: Statuses whose rows no index has in the order of their list: the whole list is walked.
LIVE = (states.QUEUED, states.RUNNING)

#: In how many parts a look is shared when all tabs are counted.
SHARE = 4

Order = Sequence[str]
Narrowing = Callable[[TaskQuerySet], TaskQuerySet]


def _itself(rows: TaskQuerySet) -> TaskQuerySet:
    return rows


@dataclass(frozen=True)
class Found:
    """What was found, and how far the look went."""

    rows: list[Task]
    #: Whether no more rows fit than these.
    exhausted: bool
    #: The row behind which to go on; ``None`` if there is nothing behind.
    last: Task | None
    #: Whether what may fit behind ``last`` has not been looked at.
    gave_up: bool = False


def look(
    filters: Filters,
    order: Order,
    size: int,
    behind: Narrowing = _itself,
    among: TaskQuerySet | None = None,
) -> Found:
    """
    Return the first ``size`` rows in ``order`` that fit ``filters``, as far as one look goes.

    ``order``: by which an index has all rows of the status, or of the table. ``behind`` narrows
    rows to those behind a place; ``among``: rows of which alone any may fit. At most four
    statements.
    """
    fits = filters.apply(_everything(among))
    few = narrow(filters)
    if few is None:
        return walk(behind(_path(filters, order)), fits, order, size)
    return walk(few.order_by(), behind(fits), order, size)


def walk(path: TaskQuerySet, fits: TaskQuerySet, order: Order, size: int) -> Found:
    """
    Return the first ``size`` in ``order`` of those rows of ``path`` that ``fits`` has too.

    Of ``path`` one look's rows are looked at: in ``order``, or in any if it has no more.
    """
    cap = most(path.db)
    keys = sql.among(path, fits, order, cap, size + 1)
    by_key = Task.objects.using(path.db).defer(*UNSEEN).in_bulk(keys[:size])
    rows = [by_key[key] for key in keys[:size] if key in by_key]
    if len(keys) > size:
        return Found(rows, False, rows[-1] if rows else None)
    last = path.only(*_columns(order))[cap - 1 : cap].first() if path.query.order_by else None
    return Found(rows, last is None, last, gave_up=last is not None)


def count(
    filters: Filters, statuses: Sequence[str], cap: int, among: TaskQuerySet | None = None
) -> list[counting.Count]:
    """
    Count the rows of each status (empty: of any) that fit, up to ``cap``, in two statements.

    Where not all could be looked at, the number has a plus: there may be more.
    """
    others = filters.without("status")
    few = narrow(others)
    tabs = [_with_status(others, status) for status in statuses]
    fitting = [one.apply(_everything(among)) for one in tabs]
    if few is None:
        paths = [_path(one, newest(one)) for one in tabs]
    else:
        paths = [_with_status(Filters(), status).apply(few).order_by() for status in statuses]
    # Of many tabs not so much of each.
    end = most(fitting[0].db) // SHARE if few is None else most(fitting[0].db)
    counted = sql.counts_among(list(zip(paths, fitting, strict=True)), end)
    return [_counted(number, cap, few is None and looked == end) for number, looked in counted]


def narrow(filters: Filters) -> TaskQuerySet | None:
    """Return rows among which all are that fit, if an index has no more of them than one look."""
    rows = Task.objects.all()
    cap = most(rows.db)
    candidates = _candidates(filters, rows)
    in_all, *counts = counting.capped([rows, *candidates], cap)
    if not in_all.is_capped:
        return rows
    known = [pair for pair in zip(counts, candidates, strict=True) if not pair[0].is_capped]
    return min(known, key=lambda pair: pair[0])[1] if known else None


def most(using: str) -> int:
    """Return how many rows one look is."""
    return SLOW_LOOK if features.fetches_rows_singly(connections[using]) else LOOK


def newest(filters: Filters) -> Order:
    """Return the order that shows newest rows first, and that an index has."""
    ended = filters.as_dict().get("status") in states.ENDED
    return ("-ended", "-pk") if ended else ("-pk",)


def _everything(among: TaskQuerySet | None) -> TaskQuerySet:
    return Task.objects.all() if among is None else among


def _candidates(filters: Filters, rows: TaskQuerySet) -> list[TaskQuerySet]:
    """Return larger sets of rows, each of which one index has."""
    given = filters.as_dict()
    names = [
        name for name in ("object", "requested_by", "task", "batch", "waits_for") if name in given
    ]
    found = [FILTERS[name](rows, name, given[name]) for name in names]
    if "held_by" in given:
        held = held_by.resolved("held_by", given["held_by"])
        found.append(rows.queued() if held.is_hold else held_by.rows(rows, "held_by", held))
    if search.is_indexed(given.get("q", "")):
        found.append(search.found(rows, given["q"]))
    if "status" in given and given["status"] not in states.ENDED:
        found.append(rows.filter(status=given["status"]))
    if given.get("open") == "yes" and "task" in given:  # an index of their own has them
        about = [name for name in ("status", "task", "error_type", "open") if name in given]
        found.append(Filters(tuple((name, given[name]) for name in about)).apply(rows))
    if "since" in given or "until" in given:
        found.append(_made(rows, _moment(given, "since"), _moment(given, "until")))
    return found


def _path(filters: Filters, order: Order) -> TaskQuerySet:
    """Return rows that one index has in this order, from where they might begin to fit."""
    given = filters.as_dict()
    rows = Task.objects.all()
    if given.get("status") not in (None, *LIVE):
        rows = FILTERS["status"](rows, "status", given["status"])
    elif line := _line(given):
        way = "-" if order[0].startswith("-") else ""
        rows = cast(TaskQuerySet, parking.parked(rows, line))
        return rows.order_by(f"{way}held_by", *order)
    since, until = _moment(given, "since"), _moment(given, "until")
    if "pk" in _columns(order[:1]):
        rows = _made(rows, since, until)
        if bounds := search.id_bounds(given.get("q", "")):
            rows = rows.filter(pk__range=bounds)
    elif since:
        rows = rows.filter(ended__gte=since - SKEW)
    return rows.order_by(*order)


def _line(given: dict[str, str]) -> str:
    """Return the key of the line that is asked for; '' if it is none, or several."""
    return held_by.resolved("held_by", given["held_by"]).line if "held_by" in given else ""


def _made(rows: TaskQuerySet, since: datetime | None, until: datetime | None) -> TaskQuerySet:
    """Return rows that were made in a span of time, by their ids."""
    if clock.was_pretended():
        return rows
    if since:
        rows = rows.filter(pk__gte=ids.first_at(since - SKEW))
    return rows.filter(pk__lte=ids.first_at(until + SKEW)) if until else rows


def _with_status(filters: Filters, status: str) -> Filters:
    return Filters((*filters.given, ("status", status))) if status else filters


def _counted(number: int, cap: int, may_be_more: bool) -> counting.Count:
    """Return a number that has a plus if it is above the cap, or may be more than was seen."""
    shown = min(number, cap)
    return counting.Count(shown + 1 if may_be_more or number > cap else shown, shown)


def _columns(order: Order) -> list[str]:
    return [name.removeprefix("-") for name in order]


def _moment(given: dict[str, str], name: str) -> datetime | None:
    return moment(name, given[name]) if name in given else None
