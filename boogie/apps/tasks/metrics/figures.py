"""
The figures of one scrape, in five queries: what is live as it is, what has ended from the totals.

What ended shows when keepers have counted it, about a minute later. It never falls: rows may be
retried or deleted, and a row that ends twice has ended twice.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count, F, Min, Q
from django.db.models.functions import Coalesce

from boogie.apps.tasks import current_app, registry
from boogie.apps.tasks.conf import conf
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.lifecycle import states
from boogie.apps.tasks.models import Rollup, Task, TaskQuerySet, Worker
from boogie.apps.tasks.models.rollup import FIGURES, KEY, RING_FAILED
from boogie.apps.tasks.rollups import tallies
from boogie.apps.tasks.rollups.tallies import Tally

#: Statuses of rows that have not ended.
LIVE = (states.PAUSED, states.QUEUED, states.RUNNING)


@dataclass
class Figures:
    """What is told of it all."""

    #: Rows that have not ended: how many, by task, queue and status.
    rows: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    #: Rows that ended, by the same: how often.
    ended: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    #: By queue, for how many seconds the oldest row has waited that might run; 0: none waits.
    oldest: dict[str, float] = field(default_factory=dict)
    #: By task, what its runs took and how long its rows waited; but for what was cancelled.
    times: dict[str, Tally] = field(default_factory=dict)
    workers: int = 0
    losses: int = 0
    retries: int = 0
    ring_failures: int = 0


def read() -> Figures:
    """Return the figures as they are now."""
    found = Figures()
    _read_totals(found)
    _begin_at_zero(found)
    rows = Task.objects.on_primary()
    _count(found, states.PAUSED, _by_task(rows.paused()))
    _count(found, states.RUNNING, _by_task(rows.running()))
    _count(found, states.QUEUED, _waiting(rows))
    found.workers = Worker.objects.on_primary().alive(conf.WORKER_TIMEOUT).count()
    return found


def _begin_at_zero(found: Figures) -> None:
    """Have what is known and does not happen told as 0: nothing is not the same as unknown."""
    known = {(task.name, current_app.queue_of(task)) for task in registry.declared()}
    known |= {key[:2] for key in found.ended}
    for name, queue in known:
        found.oldest.setdefault(queue, 0.0)
        found.rows.update(dict.fromkeys([(name, queue, status) for status in LIVE], 0))
        found.ended.update(
            dict.fromkeys([(name, queue, status) for status in sorted(states.ENDED)], 0)
        )


# --- what is live -----------------------------------------------------------------------


def _by_task(rows: TaskQuerySet) -> Any:
    live = rows.filter(ended=None)  # by the index that has all of it, where it is of all rows
    return live.order_by().values("name", "queue").annotate(number=Count("pk"))


def _waiting(rows: TaskQuerySet) -> Any:
    """Count what is queued; with the age of the oldest that might run."""
    queued: Any = rows.queued().annotate(since=Coalesce("not_before", "created"))
    first = Min("since", filter=Q(since__lte=Moment()))
    return _by_task(queued).annotate(first=first, age=Moment() - F("first"))


def _count(found: Figures, status: str, groups: Iterable[dict[str, Any]]) -> None:
    for group in groups:
        queue = group["queue"]
        found.rows[_current(group["name"]), queue, status] += group["number"]
        age = group.get("age")
        seconds = 0.0 if age is None else max(0.0, age.total_seconds())
        found.oldest[queue] = max(found.oldest.get(queue, 0.0), seconds)


# --- what has ended -----------------------------------------------------------------------


def _read_totals(found: Figures) -> None:
    totals = Rollup.objects.on_primary().totals().values_list(*KEY, *FIGURES)
    of_each = tallies.add_up(totals, lambda _start, name, queue, outcome, _error: (
        _current(name), queue, outcome
    ))  # fmt: skip
    for (name, queue, outcome), tally in of_each.items():
        if outcome == RING_FAILED:
            found.ring_failures += tally.count
            continue
        found.ended[name, queue, outcome] += tally.count
        found.retries += tally.retries
        found.losses += tally.losses
        if outcome != states.CANCELLED:
            found.times.setdefault(name, Tally()).add(tally.figures)


def _current(name: str) -> str:
    """Return the name that a task has now: what it was called before is its own."""
    task = registry.get(name)
    return name if task is None else str(task.name)
