"""
How it is at this moment: what runs and waits, what is next, who works. Bounded, whatever waits.
"""

from dataclasses import dataclass
from typing import Any

from django.db.models import F, QuerySet
from django.utils.translation import gettext as _

from boogie.apps.tasks.conf import conf
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.functions import finding
from boogie.apps.tasks.holds import looking
from boogie.apps.tasks.models import Hold, Task, TaskQuerySet, Watermark
from boogie.apps.tasks.monitoring import counting, health, schedules
from boogie.apps.tasks.monitoring.counting import Count
from boogie.apps.tasks.monitoring.held import by as held_by
from boogie.apps.tasks.monitoring.held import dead_ends
from boogie.apps.tasks.monitoring.held import lines as held_lines
from boogie.apps.tasks.monitoring.held.dead_ends import DeadEnds, StuckBatches
from boogie.apps.tasks.monitoring.schedules import Wrong
from boogie.apps.tasks.rollups import tallies

#: Rows are counted up to here.
CAP = 1000
#: Rows that are shown of what is scheduled, and workers.
SCHEDULED, WORKERS = 10, 20
#: Seconds after which what has ended should have been counted.
COUNTED_WITHIN = 300.0


@dataclass(frozen=True)
class Held:
    """A hold or a limit: in words, as the filter ``held_by`` takes it, and who waits there."""

    words: str
    what: str
    rows: Count


@dataclass(frozen=True)
class Now:
    """A look at the tables; ages in seconds of database time."""

    running: Count
    orphans: Count
    stalled: Count
    waiting: Count
    stuck: Count
    #: For how long the oldest waiting row might have been running.
    oldest: float | None
    #: Names among the rows that are due first which nobody registered in this process.
    unknown: list[str]
    scheduled: list[Task]
    #: The living first; of each what ``health.workers()`` tells, and ``is_alive``.
    workers: list[dict[str, Any]]
    alive: int
    #: What is held.
    holds: list["Held"]
    #: The longest lines of limits.
    lines: list["Held"]
    #: Rows that wait for one that has failed.
    dead_ends: DeadEnds
    #: Running batches that cannot end.
    stuck_batches: StuckBatches
    #: For how long what has ended has not been counted; ``None``: it has.
    uncounted: float | None
    #: Schedules that are gone, failing or late.
    schedules: list[Wrong]


def look(names: list[str]) -> Now:
    """
    Look at the rows of the tasks ``names``, or of all if there are none.

    Eight queries, and one more for each kind of what is held back, or waits for others.
    """
    everything = Task.objects.on_primary()  # on a replica that is late all workers are dead
    rows = everything.filter(name__in=names) if names else everything
    workers = health.workers()
    for worker in workers:
        worker["is_alive"] = worker["age"] < conf.WORKER_TIMEOUT
    living = [worker["id"] for worker in workers if worker["is_alive"]]
    orphaned = rows.orphaned(living, conf.WORKER_TIMEOUT, conf.CALL_LIMIT)
    stalled = rows.stalled(conf.STALLED_AFTER)
    holds = looking.active()
    behind = held_lines.Lines(holds)
    asked = [rows.running(), orphaned, stalled, *_perhaps()]
    parts = [*(one.order_by() for one in asked), *behind.parts]
    counts = counting.capped(parts, CAP, in_order=True)
    running, orphans, stalled_count, are_after, are_batched, are_wrong, *of_lines = counts
    of_holds, lines = _held(holds, *behind.counted(of_lines, CAP))
    waiting = _waiting(looking.left_alone(rows, holds))
    ages = [age for *_name, age in waiting]
    return Now(
        running=running,
        orphans=orphans,
        stalled=stalled_count,
        waiting=Count(len(waiting), CAP),
        stuck=Count(sum(age >= conf.STUCK_AFTER for age in ages), CAP),
        oldest=max(ages, default=None),
        unknown=sorted({name for name, of, _age in waiting if not finding.is_known(name, of)}),
        scheduled=_scheduled(rows),
        workers=workers[:WORKERS],
        alive=len(living),
        holds=of_holds,
        lines=lines,
        dead_ends=dead_ends.found() if are_after else DeadEnds(),
        stuck_batches=dead_ends.stuck_batches() if are_batched else StuckBatches(),
        uncounted=_uncounted(everything),
        schedules=_wrong(names) if are_wrong else [],
    )


def _perhaps() -> list[QuerySet[Any]]:
    """Return what is looked at more closely only if there is any of it."""
    return [dead_ends.waiting(), dead_ends.running(), schedules.to_worry_about()]


def _wrong(names: list[str]) -> list[Wrong]:
    return [one for one in schedules.wrong() if not names or one.task in names]


def _held(
    holds: list[Hold], behind: list[held_lines.Behind], lines: list[held_lines.Behind]
) -> tuple[list[Held], list[Held]]:
    pairs = zip(holds, behind, strict=True)
    return (
        [Held(looking.in_words(hold), one.what, one.rows) for hold, one in pairs],
        [
            Held(_("Held by %(text)s") % {"text": held_by.in_words(one.what)}, one.what, one.rows)
            for one in lines
        ],
    )


def _waiting(rows: TaskQuerySet) -> list[tuple[str, str, float]]:
    """Return task, backend and age of rows that might run now: of those that are due first."""
    # A row that was told to a broker is due again later. That it waits tells its own time; the
    # index on what is due keeps this from all that is scheduled.
    due = rows.waiting_for(0.0).filter(due__lte=Moment(conf.RING_AGAIN)).order_by("due")
    ages = due.annotate(age=Moment() - F("since")).values_list("name", "backend", "age")
    return [(name, of, age.total_seconds()) for name, of, age in ages[: CAP + 1]]


def _scheduled(rows: TaskQuerySet) -> list[Task]:
    later = rows.queued().filter(due__gt=Moment(), not_before__gt=Moment())
    return list(later.order_by("due")[:SCHEDULED])


def _uncounted(rows: TaskQuerySet) -> float | None:
    late = Moment() - F("due")
    mark: Any = Watermark.objects.on_primary().annotate(late=late).first()
    if mark is None:
        return 0.0 if rows.ended().exists() else None
    seconds = float(mark.late.total_seconds())
    if seconds < COUNTED_WITHIN or not tallies.ended_since(rows, mark.due).exists():
        return None
    return seconds
