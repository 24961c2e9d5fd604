"""The measured systems, by name."""

import os

from bench.systems.base import System
from bench.systems.boogie_tasks import BoogieAlone, BoogieFunctions, BoogieRedis, BoogieSqlite
from bench.systems.celery_results import CeleryBare, CeleryStock, CeleryTuned
from bench.systems.others import DjQueue, Ox, Procrastinate, TasksDb

SYSTEMS: dict[str, System] = {
    system.name: system
    for system in (
        CeleryStock(),
        CeleryTuned(),
        CeleryBare(),
        Procrastinate(),
        TasksDb(),
        Ox(),
        DjQueue(),
        BoogieRedis(),
        BoogieAlone(),
        BoogieFunctions(),
        BoogieSqlite(),
    )
}


def current() -> System:
    """Return the system that this process belongs to."""
    return SYSTEMS[os.environ["BENCH_SYSTEM"]]
