"""The figure "memory": a worker tree's resident memory after some tasks, and after many."""

from typing import Any

from bench import places, usage
from bench.cycle import counted_items
from bench.observer import Observer
from bench.running import Workers, produce, reset, working
from bench.systems import System

#: Enqueued at once; the queue is filled again when it is done.
PORTION = 5000


def measure(system: System, few: int, many: int) -> dict[str, Any]:
    """Return MiB of RSS after ``few`` and after ``many`` tasks, of one and the same worker."""
    with Observer(places.database(system.name)) as observer:
        reset(observer, system, many)
        with working(system) as workers:
            _run(system, observer, workers, 1, few)
            rss_few, pss_few = usage.tree_memory(workers.roots)
            done = few
            while done < many:
                upto = min(done + PORTION, many)
                _run(system, observer, workers, done + 1, upto)
                done = upto
            rss_many, pss_many = usage.tree_memory(workers.roots)
    return {
        "few": few,
        "many": many,
        "rss_few": rss_few,
        "rss_many": rss_many,
        "pss_few": pss_few,
        "pss_many": pss_many,
    }


def _run(system: System, observer: Observer, workers: Workers, first: int, last: int) -> None:
    """Enqueue the items from ``first`` to ``last``, and wait until all have been counted."""
    produce(system, "bulk", first, last)
    workers.wait_for(lambda: counted_items(observer) >= last, f"{last} tasks")
