"""
The figure "together": what batches and chains cost.

A batch is drained beside the same rows without one, and calls somebody at its end; a chain runs
beside rows each of which makes the next.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bench import cycle, running
from bench.observer import Observer
from bench.parts import Part, part
from bench.systems import SYSTEMS, System

CLIENT = "bench.together_client"
MODULE = "bench.work.together"

#: Milliseconds from the end of the last row of the batch until who is called has a row, and runs.
CALLED = """
    select 1000 * extract(epoch from over.{moment} - last.ended)::float
    from boogie_tasks_task over,
        (select max(ended) as ended from boogie_tasks_task where batch_id is not null) last
    where over.name = 'bench.together.over'
"""
#: Seconds from the start of the first row of a task to the end of the last one.
TOOK = """
    select extract(epoch from max(ended) - min(started))::float
    from boogie_tasks_task where name = %(name)s and status = 'finished'
"""
FINISHED = "select count(*) from boogie_tasks_task where name = %(name)s and status = 'finished'"


@dataclass(frozen=True)
class Sizes:
    """How many rows a batch and a chain have."""

    batch: int = 100_000
    chain: int = 1000


QUICK = Sizes(batch=1000, chain=50)


def parts(sizes: Sizes) -> Iterator[Part]:
    """Yield the name of each part, its system, and what measures it."""
    system = SYSTEMS["boogie_alone"]
    yield part("batch", batch, MODULE, system, sizes.batch)
    yield part("chain", chain, MODULE, system, sizes.chain)


def _reset(observer: Observer, system: System, items: int) -> Any:
    observer.run("truncate boogie_tasks_batch, boogie_tasks_dependency, boogie_tasks_worker")
    return running.reset(observer, system, items)


# --- batches --------------------------------------------------------------------------


def batch(observer: Observer, system: System, count: int) -> dict[str, Any]:
    """Return tasks a second without and within a batch, and when its end was acted upon."""
    without = _drained(observer, system, count, "alone")
    within = _drained(observer, system, count, "within")
    called, runs = (
        observer.value(CALLED.format(moment=moment)) for moment in ("created", "started")
    )
    return {
        "without": without,
        "within": within,
        "ratio": within["rate"] / without["rate"],
        "called_ms": called,
        "runs_ms": runs,
    }


def _drained(observer: Observer, system: System, count: int, mode: str) -> dict[str, float]:
    since = _reset(observer, system, count)
    running.produce(system, mode, 1, count, client=CLIENT)
    # Or PostgreSQL does it meanwhile, once so many rows are new.
    observer.run("vacuum analyze boogie_tasks_task")
    with running.working(system) as workers:
        found = cycle.watch(observer, system, workers, count, since)
        if mode == "within":
            _await_finished(observer, workers, "bench.together.over", 1)
    return {name: found[name] for name in ("rate", "cpu_ms")}


# --- chains ---------------------------------------------------------------------------


def chain(observer: Observer, system: System, count: int) -> dict[str, Any]:
    """Return the seconds of rows that are after each other, and of rows that make the next."""
    chained = _took(observer, system, count, "chained")
    by_hand = _took(observer, system, count, "by_hand")
    return {"chained": chained, "by_hand": by_hand, "ratio": chained / by_hand}


def _took(observer: Observer, system: System, count: int, mode: str) -> float:
    _reset(observer, system, count)
    running.produce(system, mode, 1, count, client=CLIENT)
    name = f"bench.together.{mode}"
    with running.working(system) as workers:
        _await_finished(observer, workers, name, count)
    return float(observer.value(TOOK, {"name": name}))


def _await_finished(observer: Observer, workers: running.Workers, name: str, count: int) -> None:
    workers.wait_for(
        lambda: observer.value(FINISHED, {"name": name}) >= count, f"{count} rows of {name}"
    )
