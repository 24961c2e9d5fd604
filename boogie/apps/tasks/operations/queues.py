"""
Queues: what waits in each, what runs, how fast, and who serves it.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, Q
from django.db.models.functions import Coalesce

from boogie.apps.tasks import current_app, priorities, registry
from boogie.apps.tasks.conf import conf
from boogie.apps.tasks.db import clock
from boogie.apps.tasks.db.moments import in_utc
from boogie.apps.tasks.db.reading import groups
from boogie.apps.tasks.enqueue import times
from boogie.apps.tasks.lifecycle import states
from boogie.apps.tasks.models import Task, TaskQuerySet
from boogie.apps.tasks.monitoring import durations
from boogie.apps.tasks.monitoring.counting import Count

from .workers import Running, Worker

#: Rows of a queue are counted up to here.
CAP = 1000
#: Queues, times priorities, that are looked at.
LANES = 500
#: The index of what is ready begins with these.
BY = ("queue", "-priority")
PRIORITIES = priorities.OF_TASKS
#: Rows that name queues, where no index names them.
SAMPLE = 5000
#: How long the rate is measured, and on how many rows at most.
RATE_SPAN, RATE_ROWS = timedelta(minutes=5), 5000
#: The oldest is looked for among so many that are due first: one that was told to a broker again
#: is due later than one that was not.
OLDEST_OF = 20


@dataclass
class Queue:
    """A queue. ``per_minute``: rows that finished, over the last five minutes."""

    name: str
    waiting: Count
    oldest: timedelta | None = None
    running: int = 0
    per_minute: float = 0.0
    #: Living workers that consume from it.
    workers: list[str] = field(default_factory=list)

    @property
    def is_served(self) -> bool:
        """Whether somebody works on it; without a name Celery's routes say where its rows go."""
        return bool(self.workers) or not self.name

    @property
    def is_urgent(self) -> bool:
        """Whether rows wait that nobody will run."""
        return not self.is_served and bool(self.waiting)


def look(workers: list[Worker], running: Running, held: Iterable[str] = ()) -> list[Queue]:
    """
    Return all queues that have rows or workers or are ``held``, those with a problem first.

    Five queries.
    """
    rows = Task.objects.on_primary()
    now = times.stored(clock.read(rows.db))
    names = {name for worker in workers for name in worker.queues} | set(running.by_queue)
    names.update(held)
    ripe = _ripe(rows, now)
    lanes = _lanes(rows, ripe, names)
    counts = groups.summaries(ripe, BY, lanes, CAP + 1, last=("MAX", F("due")))
    used = {lane: found for lane, found in zip(lanes, counts, strict=True) if found["count"]}
    oldest = groups.summaries(ripe, BY, list(used), OLDEST_OF, since=("MIN", F("since")))
    found = {name: Queue(name, Count(0, CAP)) for name in names}
    for ((name, _priority), count), first in zip(used.items(), oldest, strict=True):
        queue = found.setdefault(name, Queue(name, Count(0, CAP)))
        queue.waiting = Count(int(queue.waiting) + count["count"], CAP)
        if first["since"] is not None:  # else all have started meanwhile
            queue.oldest = max(queue.oldest or timedelta(), durations.age(first["since"]))
    for name, rate in _rates(rows, now).items():
        if name in found:
            found[name].per_minute = rate
    for queue in found.values():
        queue.running = running.by_queue[queue.name]
        queue.workers = [w.id for w in workers if w.is_alive and queue.name in w.queues]
    return sorted(
        found.values(), key=lambda q: (not q.is_urgent, q.is_served, -int(q.waiting), q.name)
    )


def _lanes(rows: TaskQuerySet, ripe: TaskQuerySet, names: set[str]) -> list[tuple[Any, ...]]:
    """Return queue and priority of what is queued, and not held back."""
    if groups.has_partial_indexes(rows):
        return groups.distinct(rows.queued().filter(due__isnull=False), BY, LANES)
    # There the index is of the rows of all times. What is due first names the queues, and if there
    # is more, workers and tasks name others.
    sample = list(ripe.values_list("queue", "priority")[:SAMPLE])
    lanes = dict.fromkeys(sample)
    if len(sample) == SAMPLE:
        named = {current_app.queue_of(task) for task in registry.declared()}
        others = (names | named) - {queue for queue, _priority in lanes}
        lanes.update(dict.fromkeys((queue, n) for queue in others for n in PRIORITIES))
    return list(lanes)[:LANES]


def _ripe(rows: TaskQuerySet, now: datetime) -> TaskQuerySet:
    """Return what might run now, what is due first first."""
    # What is due can run. What was told to a worker or a broker is due again a little later; with
    # that are rows whose time comes by then. Of what is due the index knows enough.
    soon = now + timedelta(seconds=conf.RING_AGAIN)
    waiting = rows.queued().annotate(since=Coalesce("not_before", "created"))
    ripe = Q(due__lte=now) | Q(since__lte=now)
    return waiting.filter(ripe, due__lte=soon).order_by("due")


def _rates(rows: TaskQuerySet, now: datetime) -> dict[str, float]:
    """Return by queue how many rows finish in a minute: of the last ones, by how long they took."""
    ended = rows.filter(status=states.FINISHED, ended__gte=now - RATE_SPAN).order_by("-ended")
    sample = list(ended.values_list("queue", "ended")[:RATE_ROWS])
    since = sample[-1][1] if len(sample) == RATE_ROWS else None
    span = RATE_SPAN if since is None else in_utc(now) - in_utc(since)
    minutes = max(span, timedelta(seconds=1)) / timedelta(minutes=1)
    return {name: n / minutes for name, n in Counter(queue for queue, _end in sample).items()}
