"""
What pages read of the table: each tab of the list, its filters, an object's page, the failures.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db.models import Count, Max, Min, Q

from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.lifecycle import states
from boogie.apps.tasks.models import Task
from boogie.apps.tasks.monitoring import glance, walking
from boogie.apps.tasks.monitoring.filters import Filters

from . import cast

#: Rows of a page, with the one that tells whether there are more; rows that are counted.
PAGE, CAP = 51, 1001

Rows = Any
#: A name, and what is read: rows, or the number of them.
Read = tuple[str, Callable[[], Any]]


def order(status: str | None) -> tuple[str, ...]:
    """Return in which order a tab has its rows."""
    return ("-ended", "-pk") if status in states.ENDED else ("-pk",)


def backwards(order: tuple[str, ...]) -> tuple[str, ...]:
    """Return the opposite order."""
    return tuple(name.removeprefix("-") for name in order)


def tab(status: str | None = None, **filters: str) -> Rows:
    """Return the rows of a tab, with its filters, in its order."""
    given = filters if status is None else {"status": status, **filters}
    return Filters.parse(given).apply(Task.objects.all()).order_by(*order(status))


def beyond(rows: Rows, cursor: Any, status: str | None, older: bool = True) -> Rows:
    """Return those of a tab that come after a row in its order, or before it."""
    side = "lt" if older else "gt"
    if status not in states.ENDED:
        return rows.filter(**{f"pk__{side}": cursor.pk})
    further = Q(**{f"ended__{side}": cursor.ended}) | Q(**{f"pk__{side}": cursor.pk})
    return rows.filter(further, **{f"ended__{side}e": cursor.ended})


@dataclass(frozen=True)
class Sample:
    """Rows in the midst of the table, that pages are opened at."""

    #: By status: a row in the midst of the tab.
    middles: dict[str | None, Any]
    newest: Any
    failed: Any
    parent: Any


def sample() -> Sample:
    """Find rows to open pages at."""
    newest = Task.objects.order_by("-pk").first()
    oldest = Task.objects.order_by("pk").first()
    middle = Task.objects.filter(
        created__gte=oldest.created + (newest.created - oldest.created) / 2
    )
    middles: dict[str | None, Any] = {None: middle.order_by("pk").first()}
    for status, _ in states.STATUS:
        rows = list(tab(str(status)).only("pk", "ended")[:200])
        middles[str(status)] = rows[len(rows) // 2]
    child = Task.objects.filter(parent_id__isnull=False).order_by("-parent_id").first()
    failed = tab(states.FAILED).first()
    return Sample(middles, newest, failed, child.parent_id)


# --- the reads ------------------------------------------------------------------------


def all_reads(found: Sample) -> Iterator[Read]:
    """Yield everything that a page reads; ``count …``: how many, up to a cap."""
    for status in (None, *(str(status) for status, _ in states.STATUS)):
        yield from _tab(status, found.middles[status])
    yield from _filters(found)
    yield from _others(found)


def _tab(status: str | None, middle: Any) -> Iterator[Read]:
    name, rows = status or "all", tab(status)
    reverse = backwards(order(status))
    yield f"tab {name}: first page", lambda: rows[:PAGE]
    yield f"tab {name}: next page", lambda: beyond(rows, middle, status)[:PAGE]
    before = beyond(rows, middle, status, older=False)
    yield f"tab {name}: previous page", lambda: before.order_by(*reverse)[:PAGE]
    yield f"tab {name}: last page", lambda: rows.order_by(*reverse)[:PAGE]
    yield f"count {name}", lambda: rows.order_by().values("pk")[:CAP]


def choices(found: Sample) -> dict[str, dict[str, str]]:
    """Return what is filtered by, each under a name."""
    tasks, row = cast.names(), found.newest
    label = f"{row.content_type.app_label}.{row.content_type.model}"
    day = found.middles[None].created
    old = cast.RETIRED
    return {
        "a busy task": {"task": tasks[0]},
        "a rare task": {"task": tasks[-1]},
        "a retired task": {"task": old["name"]},
        "no such task": {"task": "tests.nowhere"},
        "a busy queue": {"queue": "queue_0"},
        "a retired queue": {"queue": old["queue"]},
        "no such queue": {"queue": "nowhere"},
        "a busy user": {"requested_by": "admin"},
        "a retired user": {"requested_by": old["requested_by_id"]},
        "no such user": {"requested_by": "nobody"},
        "a model": {"model": label},
        "a model without rows": {"model": "shop.label"},
        "an object": {"object": f"{label}:{row.object_id}"},
        "since yesterday": {"since": "1d"},
        "until a month ago": {"until": "29d"},
        "an hour in the midst": {
            "since": day.isoformat(),
            "until": day.replace(minute=59, second=59).isoformat(),
        },
        "a rare task in a queue of others": {"task": tasks[-1], "queue": "queue_1"},
    }


#: With which statuses each filter is combined.
WITH = (None, states.FAILED, states.FINISHED, states.CANCELLED, states.QUEUED, states.PAUSED)


def _filters(found: Sample) -> Iterator[Read]:
    for what, filters in choices(found).items():
        for status in WITH:
            name = f"filter {status or 'all'}, {what}"
            rows = tab(status, **filters)
            yield name, lambda rows=rows: rows[:PAGE]  # type: ignore[misc]
            yield f"count {name}", lambda rows=rows: rows.order_by().values("pk")[:CAP]  # type: ignore[misc]


def looks(found: Sample) -> Iterator[Read]:
    """Yield what the list does for each filter, where no index has all of it; and a glance."""
    for what, filters in {"no filter": {}, **choices(found)}.items():
        for status in WITH:
            given = Filters.parse(filters if status is None else {"status": status, **filters})
            for page, way in (("first", order(status)), ("last", backwards(order(status)))):
                name = f"look {status or 'all'}, {what}: {page} page"
                yield name, partial(walking.look, given, way, PAGE)
        tabs = ["", *(str(status) for status, _ in states.STATUS)]
        yield (
            f"count of all tabs, {what}",
            partial(walking.count, Filters.parse(filters), tabs, CAP),
        )
    yield "a frame of boogie_top", glance.glance


def _others(found: Sample) -> Iterator[Read]:
    objects = {"content_type_id": found.newest.content_type_id, "object_id": found.newest.object_id}
    yield (
        "an object's newest 20",
        lambda: Task.objects.filter(**objects).order_by("-created", "-pk")[:21],
    )
    yield (
        "an object's newest 20, by id",
        lambda: Task.objects.filter(**objects).order_by("-pk")[:21],
    )
    yield (
        "children of a row",
        lambda: Task.objects.filter(parent_id=found.parent).order_by("pk")[:PAGE],
    )
    yield (
        "stalled rows",
        lambda: Task.objects.stalled(600).order_by("progressed")[:PAGE],
    )
    yield (
        "next scheduled",
        lambda: Task.objects.queued().filter(due__gt=Moment()).order_by("due")[:20],
    )
    yield (
        "running rows",
        lambda: Task.objects.running().order_by("started")[:20],
    )
    yield (
        "running per worker",
        lambda: Task.objects.running().order_by().values("worker").annotate(n=Count("pk")),
    )
    yield (
        "waiting and oldest per queue",
        lambda: (
            Task.objects.queued().order_by().values("queue").annotate(n=Count("pk"), d=Min("due"))
        ),
    )
    yield "failures grouped", failures


def failures() -> Rows:
    """Return the open failures by task and type of error."""
    groups = Task.objects.open_failures().order_by().values("name", "error_type")
    return groups.annotate(n=Count("pk"), first=Min("ended"), last=Max("ended"))
