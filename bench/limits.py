"""
The figure "limits": what unique tasks, limits, and instances as arguments cost and hold to.

A unique row beside a plain one; others' drain while many rows are held by one key; the time from
the end of a row until the next one has its slot; a rate over several workers; statements.
"""

import contextlib
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from typing import Any

from bench import cycle, places, running
from bench.observer import Observer, per_task
from bench.parts import Part, part
from bench.places import RATE, WARM
from bench.systems import SYSTEMS, System

#: What is measured, and on what.
PARTS = ("unique", "held", "rate", "instances", "handover")
SYSTEMS_OF_HANDOVER = ("boogie_alone", "boogie_redis")

CLIENT = "bench.limited_client"
MODULE = "bench.work.limited"

WORKERS = 4
#: Seconds after the first start from which on a rate counts: all workers are there.
SETTLED = 2.0

#: Milliseconds from the end of each row to the start of the next.
GAPS = """
    select 1000 * extract(epoch from started - lag(ended) over (order by started))::float
    from boogie_tasks_task where name = 'bench.limits.alone' and status = 'finished'
"""
#: Seconds from the first start to each.
STARTS = """
    select extract(epoch from started - min(started) over ())::float
    from boogie_tasks_task where name = 'bench.limits.paced' and status = 'finished'
    order by started
"""


@dataclass(frozen=True)
class Sizes:
    """How many rows each part takes: of one key, of others, to hand over, of a rate, of each."""

    held: int = 10_000
    others: int = 3000
    handed: int = 200
    paced: int = 6000
    each: int = 2000


QUICK = Sizes(held=1000, others=500, handed=20, paced=600, each=200)


def parts(sizes: Sizes) -> Iterator[Part]:
    """Yield the name of each part, its system, and what measures it."""
    alone = SYSTEMS["boogie_alone"]
    yield part("unique", unique, MODULE, alone, sizes)
    yield part("held", held, MODULE, alone, sizes)
    yield part("rate", rate, MODULE, alone, sizes)
    yield part("instances", instances, MODULE, alone, sizes)
    for name in SYSTEMS_OF_HANDOVER:
        system = SYSTEMS[name]
        yield part("handover", handover, MODULE, system, sizes)


def _reset(observer: Observer, system: System, items: int) -> Any:
    observer.run("truncate boogie_tasks_limit, boogie_tasks_slot, boogie_tasks_worker")
    return running.reset(observer, system, items)


# --- unique ---------------------------------------------------------------------------


def unique(observer: Observer, system: System, sizes: Sizes) -> dict[str, Any]:
    """Return rows a second, plain and of a unique task, and how many times as long these take."""
    _reset(observer, system, sizes.each + WARM)
    return _enqueue(system, "unique", 1, sizes.each + WARM)


# --- held -----------------------------------------------------------------------------


def held(observer: Observer, system: System, sizes: Sizes) -> dict[str, Any]:
    """Return tasks a second that others drain, without and with many rows held by one key."""
    found = {
        name: _drain_beside(observer, system, sizes.others, number)
        for name, number in (("without", 0), ("beside", sizes.held))
    }
    return {**found, "ratio": found["beside"]["rate"] / found["without"]["rate"]}


def _drain_beside(observer: Observer, system: System, others: int, number: int) -> dict[str, float]:
    """Drain others while ``number`` rows are held; in both cases somebody has the slot."""
    since = _reset(observer, system, max(others, number))
    with _occupied(system):
        if number:
            _enqueue(system, "occupied", 1, number)
        running.produce(system, "bulk", 1, others)
        # Or PostgreSQL does it meanwhile, once so many rows are new.
        observer.run("vacuum analyze boogie_tasks_task")
        with running.working(system) as workers:
            drained = cycle.watch(observer, system, workers, others, since)
        still = observer.value("select count(*) from boogie_tasks_task where held_by <> ''")
    if still != number:
        raise RuntimeError(f"{still} of {number} rows were held to the end")
    return {name: drained[name] for name in ("rate", "cpu_ms")}


@contextlib.contextmanager
def _occupied(system: System) -> Iterator[None]:
    """Have a process hold the only slot for a block, outside of all workers."""
    command = places.python("-m", CLIENT, "occupy", "1", "1")
    with subprocess.Popen(
        command,
        cwd=places.ROOT,
        env=places.child_env(system.name),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            if process.stdout.readline() != "ready\n":
                raise RuntimeError("nobody took the slot")
            yield
            process.stdin.close()
            process.wait(60)
        finally:
            process.kill()


# --- handed over ----------------------------------------------------------------------


def handover(observer: Observer, system: System, sizes: Sizes) -> dict[str, Any]:
    """Return the milliseconds from the end of a row until the next one runs in its slot."""
    _reset(observer, system, sizes.handed)
    _enqueue(system, "alone", 1, sizes.handed)
    with running.working(system) as workers:
        _await_ended(observer, workers, sizes.handed)
    gaps = sorted(gap for (gap,) in observer.pg.execute(GAPS) if gap is not None)
    return {"n": len(gaps), "p50": median(gaps), "p95": gaps[int(0.95 * (len(gaps) - 1))]}


# --- a rate ---------------------------------------------------------------------------


def rate(observer: Observer, system: System, sizes: Sizes) -> dict[str, Any]:
    """Return starts a second over several workers, and by how many percent they miss the rate."""
    _reset(observer, system, sizes.paced)
    _enqueue(system, "paced", 1, sizes.paced)
    command = [*places.python("-m", "celery", "-A", "bench.project", "worker", "-l", "WARNING")]
    commands = [[*command, "-c", "1", "-n", f"paced_{n}@%h"] for n in range(WORKERS)]
    with running.working(system, commands=commands) as workers:
        _await_ended(observer, workers, sizes.paced)
    starts: list[Any] = [start for (start,) in observer.pg.execute(STARTS)]
    steady = [start for start in starts if start >= SETTLED]
    found = (len(steady) - 1) / (steady[-1] - steady[0])
    return {
        "n": len(steady),
        "rate": found,
        "percent": abs(found / RATE - 1) * 100,
        "in_a_second": _most_in_a_second(starts),
    }


def _most_in_a_second(starts: list[float]) -> int:
    """Return how many of these moments lie in one second, at most."""
    first = most = 0
    for last, moment in enumerate(starts):
        while moment - starts[first] >= 1:
            first += 1
        most = max(most, last - first + 1)
    return most


# --- instances ------------------------------------------------------------------------


def instances(observer: Observer, system: System, sizes: Sizes) -> dict[str, Any]:
    """Return statements to enqueue and to run, without and with an instance as an argument."""
    plain = _statements(observer, system, sizes.each, "single", "bench.client")
    given = _statements(observer, system, sizes.each, "referring", CLIENT)
    # In tenths: keepers have statements of their own meanwhile.
    more = {what: round(given[what] - plain[what], 1) for what in plain}
    return {"plain": plain, "given": given, "more": more}


def _statements(
    observer: Observer, system: System, count: int, mode: str, client: str
) -> dict[str, float]:
    since = _reset(observer, system, count)
    before = observer.counters()
    running.produce(system, mode, 1, count, client=client)
    running.settle(observer)
    between = observer.counters()
    with running.working(system) as workers:
        cycle.watch(observer, system, workers, count, since)
    running.settle(observer)
    ran = per_task(between, observer.counters(), count)
    return {
        "enqueue": per_task(before, between, count)["statements"],
        "run": ran["statements"],
    }


# --- all ------------------------------------------------------------------------------


def _enqueue(system: System, mode: str, first: int, last: int) -> Any:
    return running.produce(system, mode, first, last, client=CLIENT)


def _await_ended(observer: Observer, workers: running.Workers, count: int) -> None:
    sql = "select count(*) from boogie_tasks_task where status = 'finished'"
    workers.wait_for(lambda: observer.value(sql) >= count, f"{count} rows have finished")
