"""
The figure "memory": a worker tree's memory after some tasks, and after many.

``python -m bench.memory [many]`` prints it alone, of Boogie and of bare Celery.
"""

import sys
from typing import Any, TextIO

from bench import places, running, servers, usage
from bench.cycle import counted_items
from bench.observer import Observer
from bench.running import Workers, produce, reset, working
from bench.systems import SYSTEMS, System

#: Of which systems it is taken; the last one keeps nothing: the others are held against it.
OF = ("boogie_redis", "boogie_alone", "celery_bare")
FEW = 1000
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


def tell(out: TextIO, many: int) -> None:
    """Write MiB of each system: as a tree has them (PSS), and its growth in resident memory."""
    for name in OF:
        system = SYSTEMS[name]
        running.prepare(system)
        found = measure(system, min(FEW, many), many)
        out.write(
            f"{system.label}: PSS {found['pss_few']:.1f} MiB after {found['few']:,} tasks,"
            f" {found['pss_many']:.1f} after {found['many']:,}; RSS {found['rss_few']:.1f} and"
            f" {found['rss_many']:.1f}, {found['rss_many'] / found['rss_few']:.3f} times\n"
        )
        out.flush()


if __name__ == "__main__":
    with servers.running():
        tell(sys.stdout, int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
