"""
Failures by their kind: of one task, with one type of error.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Case, IntegerField, When

from boogie.apps.tasks import registry
from boogie.apps.tasks.db import clock
from boogie.apps.tasks.db.moments import in_utc
from boogie.apps.tasks.db.reading import groups
from boogie.apps.tasks.enqueue import times
from boogie.apps.tasks.models import Task, TaskQuerySet
from boogie.apps.tasks.monitoring.counting import Count
from boogie.apps.tasks.rollups import figures
from boogie.apps.tasks.serialization import sealing

#: Rows of a kind are counted up to here.
CAP = 1000
#: Kinds of one page.
KINDS = 100
#: What the index on open failures begins with.
BY = ("name", "error_type")

SPANS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(days=7)}


@dataclass(frozen=True)
class Kind:
    """Failures of one task with one type of error. ``first`` and ``last``: when they ended."""

    name: str
    error_type: str
    #: Those that nobody has acknowledged; ``None``: not asked for.
    open: Count | None
    hour: Count
    day: Count
    week: Count
    first: datetime
    last: datetime
    #: The row that failed last; ``None``: not asked for.
    newest: Task | None = None

    @property
    def message(self) -> str:
        """The message of the error that came last."""
        errors = self.newest.errors if self.newest is not None else []
        return sealing.shown(errors[-1]["message"]) if errors else ""


@dataclass(frozen=True)
class Page:
    """Kinds, the latest first. ``after``: behind which kind the next page begins, if any."""

    kinds: list[Kind]
    after: tuple[str, ...] = ()


def still_open(among: TaskQuerySet, after: tuple[str, ...] = ()) -> Page:
    """Return a page of the kinds of failures that nobody has acknowledged (six queries)."""
    rows = _open(among)
    typed = Task.objects.filter(error_type__gt="")  # every failure is, and nothing else
    found = groups.distinct(rows, BY, KINDS + 1, after, whole=typed.using(rows.db))
    kinds = _latest_first(_merged(_kinds(rows, found[:KINDS])))
    return Page(kinds, found[KINDS - 1] if len(found) > KINDS else ())


def of_the_week() -> Page:
    """Return all kinds of the last seven days, whatever became of the rows (one query)."""
    kinds = [
        Kind(
            name=each.name,
            error_type=each.error_type,
            open=None,
            hour=Count(each.hour, each.hour),
            day=Count(each.day, each.day),
            week=Count(each.week, each.week),
            first=each.first,
            last=each.last,
        )
        for each in figures.failure_counts()
    ]
    return Page(_latest_first(_merged(kinds))[:KINDS])


def _open(rows: TaskQuerySet) -> TaskQuerySet:
    """Return the open failures, so that they are read by the index that is made for them."""
    if groups.has_partial_indexes(rows):
        return rows.open_failures()
    # Only failures have a type of error. To ask for their status would be to read every row, or
    # those of another index.
    return rows.filter(acknowledged=None)


def _kinds(rows: TaskQuerySet, named: list[tuple[str, ...]]) -> list[Kind]:
    now = times.stored(clock.read(rows.db))
    latest = rows.order_by("-ended", "-pk")
    spans = {name: _within(now - span) for name, span in SPANS.items()}
    counted = groups.summaries(latest, BY, named, CAP + 1, **spans)
    # A group without open failures would be looked through for its first one, and its last.
    known = {group: counts for group, counts in zip(named, counted, strict=True) if counts["count"]}
    newest = groups.firsts(latest, BY, list(known))
    oldest = groups.firsts(rows.order_by("ended", "pk"), BY, list(known))
    by_key = _read(rows.db, {*newest, *oldest} - {None})
    found = []
    for (group, counts), last, first in zip(known.items(), newest, oldest, strict=True):
        if last in by_key and first in by_key:  # else they have gone meanwhile
            found.append(_kind(group, counts, by_key[last], by_key[first]))
    return found


def _within(since: datetime) -> tuple[str, Any]:
    of_row = Case(When(ended__gte=since, then=1), default=0, output_field=IntegerField())
    return "SUM", of_row


def _read(using: str, keys: Iterable[Any]) -> dict[Any, Task]:
    columns = ("name", "status", "ended", "error_type", "errors")
    return {row.pk: row for row in Task.objects.using(using).filter(pk__in=keys).only(*columns)}


def _kind(group: tuple[str, ...], counts: dict[str, Any], newest: Task, oldest: Task) -> Kind:
    spans = {name: Count(int(counts[name] or 0), CAP) for name in SPANS}
    return Kind(
        name=group[0],
        error_type=group[1],
        open=Count(counts["count"], CAP),
        first=oldest.ended or oldest.created,
        last=newest.ended or newest.created,
        newest=newest,
        **spans,
    )


# --- kinds together -------------------------------------------------------------------


def _latest_first(kinds: list[Kind]) -> list[Kind]:
    return sorted(kinds, key=lambda kind: (in_utc(kind.last), kind.name), reverse=True)


def _merged(kinds: list[Kind]) -> list[Kind]:
    """Return one kind for each task and error, under the name that the task has now."""
    found: dict[tuple[str, str], Kind] = {}
    for kind in kinds:
        task = registry.get(kind.name)
        current = replace(kind, name=kind.name if task is None else task.name)
        key = (current.name, current.error_type)
        found[key] = _together(found[key], current) if key in found else current
    return list(found.values())


def _together(one: Kind, other: Kind) -> Kind:
    latest = max(one, other, key=lambda kind: in_utc(kind.last))
    return replace(
        latest,
        open=_sum(one.open, other.open)
        if one.open is not None and other.open is not None
        else None,
        hour=_sum(one.hour, other.hour),
        day=_sum(one.day, other.day),
        week=_sum(one.week, other.week),
        first=min(one.first, other.first, key=in_utc),
    )


def _sum(one: Count, other: Count) -> Count:
    total = int(one) + int(other)
    return Count(total + 1 if one.is_capped or other.is_capped else total, total)
