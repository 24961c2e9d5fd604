"""
How the whole is: workers, rows, what is stuck, the broker. Reads, and changes nothing.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from django.db.models import F

from boogie.apps.tasks import registry
from boogie.apps.tasks.broker import inspect
from boogie.apps.tasks.conf import conf
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.db.reading import groups
from boogie.apps.tasks.functions import finding
from boogie.apps.tasks.holds import looking
from boogie.apps.tasks.lifecycle import states
from boogie.apps.tasks.models import Batch, Hold, Task, TaskQuerySet, Worker

from . import counting
from .held import dead_ends, snapshots
from .held import lines as held_lines
from .schedules import Wrong
from .schedules import wrong as wrong_schedules

#: Stuck rows are counted up to here.
CAP = 10_000
EVERYTHING = 2**62
#: Names that are looked at.
NAMES = 1000


@dataclass(frozen=True, slots=True)
class Limits:
    """What somebody asks for besides: at most so much, and a version; ``None``: nothing."""

    #: Seconds that the oldest row that may run may have waited.
    max_age: float | None = None
    #: Rows that may run, and wait.
    max_waiting: int | None = None
    #: The ``VERSION`` that every living worker has to run.
    version: str | None = None

    def problems(self, health: "Health") -> Iterator[str]:
        """Yield in words what goes beyond."""
        age = health.oldest_due or 0.0
        if self.max_age is not None and age > self.max_age:
            yield (
                f"the oldest row that may run has waited {age:.0f} s, longer than "
                f"{self.max_age:g} s (--max-age)"
            )
        if self.max_waiting is not None and health.waiting > self.max_waiting:
            yield (
                f"{health.waiting} row(s) wait that may run, more than {self.max_waiting} "
                f"(--max-waiting)"
            )
        if self.version is not None:
            yield from self._other_versions(health)

    def _other_versions(self, health: "Health") -> Iterator[str]:
        if not health.versions:
            yield f"no worker is alive, none runs version {self.version} (--require-version)"
        for worker, version in health.versions.items():
            if version != self.version:
                runs = version or "no version (BOOGIE_TASKS['VERSION'] is not set there)"
                yield f"{worker} runs {runs}, not {self.version} (--require-version)"


@dataclass
class Health:
    """A look at the tables; times in seconds of database time."""

    #: Of each its id, host, pid, queues, concurrency, ``age`` (since it was seen), ``uptime``.
    workers: list[dict[str, Any]] = field(default_factory=list)
    #: How many of them are alive.
    alive: int = 0
    #: Of each that is alive the version of the project, or ``None``, by its id.
    versions: dict[str, str | None] = field(default_factory=dict)
    #: Rows by status; of ended ones only if asked for.
    rows: dict[str, int] = field(default_factory=dict)
    #: For how long the oldest queued row might have been running.
    oldest_due: float | None = None
    #: Queued rows that may run now; counted with the history.
    waiting: int = 0
    #: Rows that might have started ``STUCK_AFTER`` ago, and have not.
    stuck: int = 0
    #: Running rows whose worker is dead.
    orphans: int = 0
    #: Running rows whose bar has not moved for ``STALLED_AFTER``; counted with the history.
    stalled: int = 0
    #: The longest lines of rows that are held back; asked with the history.
    lines: list[held_lines.Line] = field(default_factory=list)
    #: Rows that wait for one that has failed, and the first of these; asked with the history.
    dead_ends: dict[str, Any] = field(default_factory=dict)
    #: Running batches that cannot end, by number and title; asked with the history.
    stuck_batches: list[dict[str, Any]] = field(default_factory=list)
    #: Those whose rows have ended, and which call what nobody declares in this process: ``names``.
    uncalled_batches: list[dict[str, Any]] = field(default_factory=list)
    #: Names of live rows that nobody registered in this process.
    unknown: list[str] = field(default_factory=list)
    #: What is held: of each its ``kind``, ``name``, ``by``, ``since`` and ``reason``, of a queue
    #: whether a living worker serves it, and with the history how many ``rows`` wait.
    held: list[dict[str, Any]] = field(default_factory=list)
    #: Schedules that are gone, failing, late or never due; asked with the history.
    schedules: list[Wrong] = field(default_factory=list)
    #: What holds back vacuum on PostgreSQL; asked with the history.
    vacuum: snapshots.HeldBack | None = None
    #: Whether the broker answers; on ``boogie://`` it is the database, which did.
    broker: bool = True
    #: What is asked for besides.
    limits: Limits = Limits()

    @property
    def problems(self) -> list[str]:
        """What is wrong, in words; empty if nothing is."""
        found = []
        if not self.alive and self.oldest_due is not None:
            found.append("rows are due and no worker is alive")
        if self.alive and self.stuck:
            found.append(
                f"{self.stuck} row(s) are stuck: due and not started though workers live; "
                f"boogie_top shows whether somebody serves their queues"
            )
        if self.orphans:
            found.append(f"{self.orphans} running row(s) belong to dead workers")
        if self.unknown:
            found.append(f"no task is registered for rows named {', '.join(self.unknown)}")
        if not self.broker:
            found.append("the broker does not answer")
        for one in self.uncalled_batches:
            calls = f"the batch {one['id']} cannot end: it calls {', '.join(one['names'])}"
            found.append(f"{calls}, and no task is registered under that name")
        found += [wrong.problem for wrong in (*self.schedules, self.vacuum) if wrong is not None]
        return [*found, *self.limits.problems(self)]

    def as_dict(self) -> dict[str, Any]:
        """Return everything as JSON-compatible data."""
        problems, told = self.problems, asdict(self)
        del told["limits"]
        return {**told, "problems": problems, "healthy": not problems}


def examine(history: bool = False, limits: Limits = Limits()) -> Health:
    """
    Look at everything. ``history``: count ended rows too, which reads an index of all of
    them, and bars that stand still. What goes beyond ``limits`` is a problem.

    Raise what the database raises if it is away.
    """
    rows = Task.objects.on_primary()  # on a replica that is late all workers are dead
    known = _known_workers()
    health = Health([about for about, _version in known], rows=_counts(rows, history))
    health.limits = limits
    living = [w["id"] for w in health.workers if w["age"] < conf.WORKER_TIMEOUT]
    health.versions = {about["id"]: version for about, version in known if about["id"] in living}
    health.alive = len(living)
    holds = looking.active()
    served = {queue for w in health.workers if w["id"] in living for queue in w["queues"]}
    health.held = [_held(hold, served) for hold in holds]
    rows = looking.left_alone(rows, holds)  # what is held is not late
    health.oldest_due = _oldest(rows)
    wrong = {
        # What is held back waits for others, not for a worker.
        "stuck": rows.waiting_for(conf.STUCK_AFTER).filter(due__isnull=False),
        "orphans": Task.objects.on_primary().orphaned(living, conf.WORKER_TIMEOUT, conf.CALL_LIMIT),
    }
    if history:
        wrong["stalled"] = Task.objects.on_primary().stalled(conf.STALLED_AFTER)
        wrong["waiting"] = rows.waiting_for(0.0)
        behind, lines = held_lines.longest(CAP, holds)
        health.lines = held_lines.aged(lines)
        for hold, waiting in zip(health.held, behind, strict=True):
            hold["rows"] = int(waiting.rows)
        health.dead_ends = dead_ends.found().as_dict()
        stuck = dead_ends.stuck_batches()
        health.stuck_batches = [_of_batch(batch) for batch in stuck.waiting]
        health.uncalled_batches = [{**_of_batch(b), "names": names} for b, names in stuck.uncalled]
        health.schedules = wrong_schedules()
        health.vacuum = snapshots.oldest()
    cap = max(CAP, limits.max_waiting or 0)
    for name, number in zip(wrong, counting.capped(list(wrong.values()), cap), strict=True):
        setattr(health, name, int(number))
    health.unknown = _unknown(Task.objects.on_primary())
    health.broker = inspect.answers()
    return health


def _of_batch(batch: Batch) -> dict[str, Any]:
    return {"id": batch.pk, "title": batch.title}


def _held(hold: Hold, served: set[str]) -> dict[str, Any]:
    return {
        "kind": hold.kind,
        "name": hold.name,
        "by": hold.by_name or None,
        "since": hold.since.isoformat(),
        "reason": hold.reason or None,
        "served": hold.name in served if hold.is_of_queue else None,
        "rows": None,
    }


def workers() -> list[dict[str, Any]]:
    """Return what is known of each worker, those that were heard of last first."""
    return [about for about, _version in _known_workers()]


def _known_workers() -> list[tuple[dict[str, Any], str | None]]:
    """Return the same, each with the version of the project that it runs."""
    # Not subtracted here: without USE_TZ both would be in local time, whose clocks are changed.
    ages = {"age": Moment() - F("seen"), "uptime": Moment() - F("started")}
    known = Worker.objects.on_primary().annotate(**ages)
    found = []
    each: Any
    for each in known.order_by("-seen").values():
        about = {key: each[key] for key in ("id", "host", "pid", "queues", "concurrency")}
        about |= {name: each[name].total_seconds() for name in ages}
        found.append((about, (each["software"] or {}).get("project")))
    return found


def _counts(rows: TaskQuerySet, history: bool) -> dict[str, int]:
    """Count each status by itself: so an index is read, whatever the planner thinks of them all."""
    statuses = [str(s) for s, _ in states.STATUS if history or s not in states.ENDED]
    of_each = [rows.filter(status=s, ended__isnull=s not in states.ENDED) for s in statuses]
    counted = counting.capped(of_each, EVERYTHING)
    return dict(zip(statuses, map(int, counted), strict=True))


def _oldest(rows: TaskQuerySet) -> float | None:
    waiting: Any = rows.waiting_for(0.0).annotate(age=Moment() - F("since"))
    oldest = waiting.order_by("since").values_list("age", flat=True).first()
    return None if oldest is None else float(oldest.total_seconds())


def _unknown(rows: TaskQuerySet) -> list[str]:
    """Return names that nobody registered of rows that wait; asks for each name there is once."""
    names = [name for (name,) in groups.distinct(rows.all(), ["name"], NAMES)]
    waiting = rows.filter(status__in=[states.PAUSED, states.QUEUED])
    return [n for n in names if registry.get(n) is None and _has_strays(waiting.filter(name=n))]


def _has_strays(same: TaskQuerySet) -> bool:
    """Return whether rows of one name wait that is no task's, and no function's."""
    found = same.values_list("name", "backend")[:1]
    return any(not finding.is_known(*about) for about in found)
