"""
The figure "waiting": many bodies that wait for others, in one process, on pools made for that.

Beside them the same rows with bodies that wait for nobody: what the CPU of the process allows.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bench import cycle, places, running
from bench.observer import Observer
from bench.parts import Part, part
from bench.systems import SYSTEMS, System

CLIENT = "bench.waiting_client"
MODULE = "bench.work.waiting"

#: Seconds that a body waits: as ``bench.work.waiting`` has it, which needs Django.
WAIT = 0.2
#: The pools, and who is beside on each. By the setting that keeps connections of Celery's threads
#: those of its greenlets are left behind, until the server has no more.
BESIDE = {"threads": "celery_tuned", "gevent": "celery_stock"}
SYSTEMS_OF_WAITING = ("boogie_alone", *BESIDE.values())

#: Moments at which the outcomes were written, and how many there are.
OUR_ENDS = (
    "select extract(epoch from max(ended) - min(ended))::float, count(*)"
    " from boogie_tasks_task where status = 'finished'"
)
ENDS_OF_CELERY = (
    "select extract(epoch from max(date_done) - min(date_done))::float, count(*)"
    " from django_celery_results_taskresult where status = 'SUCCESS'"
)


@dataclass(frozen=True)
class Sizes:
    """How many rows there are, and how many bodies at once."""

    rows: int = 3000
    bodies: int = 200


QUICK = Sizes(rows=600, bodies=100)


@dataclass(frozen=True)
class Case:
    """A task on a pool."""

    pool: str
    task: str
    sizes: Sizes


def parts(sizes: Sizes) -> Iterator[Part]:
    """Yield the name of each part, its system, and what measures it."""
    for pool, beside in BESIDE.items():
        for name, task in (
            ("boogie_alone", "waits"),
            (beside, "waits"),
            ("boogie_alone", "goes_on"),
        ):
            case = Case(pool, task, sizes)
            yield part(f"{pool} {task}", drain, MODULE, SYSTEMS[name], case)
    case = Case("threads", "awaits", sizes)
    yield part("threads awaits", drain, MODULE, SYSTEMS["boogie_alone"], case)


def drain(observer: Observer, system: System, case: Case) -> dict[str, Any]:
    """Return tasks a second, the CPU that each takes, and the most connections at one time."""
    rows = case.sizes.rows
    ends = OUR_ENDS if system.name.startswith("boogie") else ENDS_OF_CELERY
    running.reset(observer, system, rows)
    running.produce(system, case.task, 1, rows, client=CLIENT)
    # Or PostgreSQL does it meanwhile, once so many rows are new.
    observer.run("vacuum analyze")
    most = 0
    with running.working(system, commands=[_worker(case)]) as workers:

        def ended() -> int:
            nonlocal most
            most = max(most, observer.clients())
            return int(observer.pg.execute(ends).fetchone()[1])  # type: ignore[index]

        workers.wait_for(lambda: ended() > 0, "the first outcome", pause=0.01)
        first = cycle.Mark.now(observer, workers, ended())
        workers.wait_for(lambda: ended() >= rows, f"{rows} outcomes", pause=0.05)
        last = cycle.Mark.now(observer, workers, rows)
    seconds = float(observer.value(ends))
    return {
        "n": rows,
        "rate": rows / (seconds + _waits(case)),
        "connections": most,
        **cycle.cpu(first, last),
    }


def _waits(case: Case) -> float:
    return 0.0 if case.task == "goes_on" else WAIT


def _worker(case: Case) -> list[str]:
    command = ["-m", "celery", "-A", "bench.project", "worker", "-l", "WARNING"]
    return places.python(*command, "-P", case.pool, "-c", str(case.sizes.bodies))
