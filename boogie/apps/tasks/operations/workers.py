"""
Workers: whether they live, what they serve, and what each runs at this moment.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db.models import BooleanField, Case, Value, When

from boogie.apps.tasks import identity
from boogie.apps.tasks.conf import conf
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.models import Task, TaskQuerySet
from boogie.apps.tasks.monitoring import health

#: Workers of one page, and rows that are shown of each.
WORKERS, ROWS = 50, 5
#: Running rows that are looked at.
CAP = 5000


@dataclass
class Worker:
    """A worker; ``age``: for how long nothing was heard of it. ``rows``: some of what it runs."""

    id: str
    host: str
    pid: int
    queues: list[str]
    concurrency: int
    age: timedelta
    uptime: timedelta
    is_alive: bool
    running: int = 0
    rows: list[Task] = field(default_factory=list)

    @property
    def node(self) -> str:
        """What Celery calls it."""
        return identity.node_of(self.id)

    @property
    def place(self) -> tuple[bool, str]:
        """Its place among all: the dead come first."""
        return (self.is_alive, self.id)

    @property
    def cursor(self) -> str:
        """Its place as the URL of the next page has it."""
        return f"{self.is_alive:d}.{self.id}"


@dataclass(frozen=True)
class Running:
    """What runs, as far as it was looked at: keys by worker, numbers by queue."""

    by_worker: dict[str, list[Any]]
    by_queue: Counter[str]
    #: Whether there may be more.
    is_capped: bool

    def of_none(self, known: set[str]) -> tuple[int, int]:
        """Return how many rows run in no worker: by a ``call()``, and in none that is known."""
        calls = gone = 0
        for worker, keys in self.by_worker.items():
            if worker.startswith(identity.LONER):
                calls += len(keys)
            elif worker not in known:
                gone += len(keys)
        return calls, gone


def known() -> list[Worker]:
    """Return all workers, the dead first: a row is kept of them for an hour (one query)."""
    found = []
    for each in health.workers():
        spans = {name: timedelta(seconds=max(0.0, each[name])) for name in ("age", "uptime")}
        is_alive = each["age"] < conf.WORKER_TIMEOUT
        found.append(Worker(**{**each, **spans}, is_alive=is_alive))
    return sorted(found, key=lambda worker: worker.place)


def running() -> Running:
    """Look at what runs (one query)."""
    # That it has not ended is said so that databases without partial indexes find it.
    rows = Task.objects.on_primary().running().filter(ended__isnull=True)
    found = list(rows.values_list("worker", "pk", "queue")[:CAP])
    by_worker: dict[str, list[Any]] = {}
    for worker, key, _queue in found:
        by_worker.setdefault(worker, []).append(key)
    by_queue = Counter(queue for _worker, _key, queue in found)
    return Running(by_worker, by_queue, len(found) == CAP)


def page(workers: list[Worker], after: str = "") -> tuple[list[Worker], str]:
    """Return the workers of a page, and behind which the next one begins, if there is one."""
    is_alive, _dot, name = after.partition(".")
    behind = [w for w in workers if not after or w.place > (is_alive == "1", name)]
    shown = behind[:WORKERS]
    return shown, shown[-1].cursor if len(behind) > len(shown) else ""


def fill(workers: list[Worker], at_work: Running, among: TaskQuerySet) -> list[Task]:
    """
    Give workers those of their oldest rows that are ``among`` some; return these (one query).

    Their number is that of all.
    """
    keys = {w.id: sorted(at_work.by_worker.get(w.id, ()))[:ROWS] for w in workers}
    asked = [key for own in keys.values() for key in own]
    stalled = Case(
        When(progressed__lte=Moment(-conf.STALLED_AFTER), then=Value(True)),
        default=Value(False),
        output_field=BooleanField(),
    )
    rows = among.on_primary().defer("args", "kwargs", "result", "errors", "log")
    read = rows.annotate(is_stalled=stalled).filter(pk__in=asked)
    found = {row.pk: row for row in read if row.is_running}  # some have ended meanwhile
    for worker in workers:
        worker.running = len(at_work.by_worker.get(worker.id, ()))
        worker.rows = [found[key] for key in keys[worker.id] if key in found]
    return list(found.values())
