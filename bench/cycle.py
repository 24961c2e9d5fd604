"""
The figure "cycle": enqueue with no worker running, enqueue many, then let two processes drain all.

The drain lasts from the first to the last task by the database's clock, or until
all outcomes are stored where those come later. CPU counts from the first finished
task on, so that start-up is left out.
"""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bench import places, usage
from bench.observer import Observer, per_task
from bench.places import WARM
from bench.running import Workers, produce, reset, settle, sync_time, working
from bench.systems import System


@dataclass
class Mark:
    """The CPU seconds at one moment."""

    done: int
    workers: float
    servers: float
    machine: float
    time: float

    @classmethod
    def now(cls, observer: Observer, workers: Workers, done: int) -> "Mark":
        return cls(
            done,
            usage.tree_cpu(workers.roots),
            observer.servers_cpu(),
            usage.busy(),
            time.monotonic(),
        )


def measure(system: System, single: int, bulk: int, grown: bool = False) -> dict[str, Any]:
    """Return the record of one cycle; ``grown``: over a long history."""
    singles = single + WARM
    total = singles + (bulk if system.has_bulk else 0)
    with Observer(places.database(system.name, grown)) as observer:
        since = reset(observer, system, total, grown)
        sync = sync_time(places.folder())
        before = observer.counters()
        one_by_one = produce(system, "single", 1, singles, grown)
        settle(observer)
        after_single = observer.counters()
        many = None
        if system.has_bulk:
            many = produce(system, "bulk", singles + 1, total, grown)
            settle(observer)
        before_drain = observer.counters()
        with working(system, grown) as workers:
            drain = watch(observer, system, workers, total, since)
        settle(observer)
        counted = per_task(before_drain, observer.counters(), total)
    return {
        "single": {**one_by_one, **per_task(before, after_single, singles)},
        "bulk": many,
        # CPU of the servers is the one that was taken from the first task on.
        "drain": {**counted, **drain},
        "sync_us": sync,
    }


def watch(
    observer: Observer, system: System, workers: Workers, total: int, since: datetime
) -> dict[str, Any]:
    """Wait until all tasks have run and their outcomes are stored; return the drain's figures."""
    first = Mark.now(observer, workers, 0)
    rss = pss = 0.0

    def has_drained() -> bool:
        nonlocal first, rss, pss
        done = counted_items(observer)
        if not first.done:
            first = Mark.now(observer, workers, done)
        rss, pss = map(max, (rss, pss), usage.tree_memory(workers.roots))
        return done >= total

    def are_stored() -> bool:
        return not system.outcomes or observer.value(system.outcomes, {"since": since}) >= total

    workers.wait_for(has_drained, f"{total} tasks")
    waited = not are_stored()
    workers.wait_for(are_stored, f"{total} outcomes", pause=0.02)
    observed = datetime.now(UTC)
    last = Mark.now(observer, workers, total)
    start, finish = observer.pg.execute("select min(at), max(at) from work_item").fetchone() or ()
    seconds = ((observed if waited else finish) - start).total_seconds()
    return {
        "n": total,
        "rate": total / seconds,
        "rss_mib": rss,
        "pss_mib": pss,
        "not_once": observer.value("select count(*) from work_item where value <> 1"),
        **cpu(first, last),
    }


def cpu(first: Mark, last: Mark) -> dict[str, float]:
    """Return the milliseconds for one task, and the cores that others kept busy meanwhile."""
    tasks = max(1, last.done - first.done)
    workers, of_servers = last.workers - first.workers, last.servers - first.servers
    foreign = last.machine - first.machine - workers - of_servers
    return {
        "cpu_ms": (workers + of_servers) / tasks * 1000,
        "worker_cpu_ms": workers / tasks * 1000,
        "server_cpu_ms": of_servers / tasks * 1000,
        "foreign_cores": foreign / max(0.01, last.time - first.time),
    }


def counted_items(observer: Observer) -> int:
    return int(observer.value("select coalesce(sum(value), 0)::int from work_item"))
