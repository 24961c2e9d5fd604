"""
Where things are: folders, ports, the environment of child processes.

The runner sets the variables, its children (producers, workers) read them.
"""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.support.processes import ROOT
from tests.support.servers.ports import HOST

RESULTS = ROOT / "bench/results"

#: The role of everything that a measured system does, and that of the benchmark itself:
#: so that the benchmark's own statements can be left out.
SYSTEM_ROLE, OBSERVER_ROLE = "measured", "postgres"

#: Enqueued before a clock starts: connections are made, caches filled.
WARM, WARM_LATENCY = 20, 5

#: Starts a second of the rate that is measured.
RATE = 100


def folder() -> Path:
    """Return the temporary folder of this run."""
    return Path(os.environ["BENCH_DIR"])


def pg_port() -> int:
    return int(os.environ["BENCH_PG_PORT"])


def pg_pid() -> int:
    return int(os.environ["BENCH_PG_PID"])


def redis_port() -> int:
    return int(os.environ["BENCH_REDIS_PORT"])


def redis_url() -> str:
    return f"redis://{HOST}:{redis_port()}/0"


def database(system: str, grown: bool = False) -> str:
    """Return the database of a system; ``grown``: the one with a long history."""
    return f"bench_{system}_grown" if grown else f"bench_{system}"


def child_env(system: str, grown: bool = False) -> dict[str, str]:
    """Return the environment of a process that belongs to a measured system."""
    return {
        **os.environ,
        "BENCH_SYSTEM": system,
        "BENCH_DATABASE": database(system, grown),
        "DJANGO_SETTINGS_MODULE": "bench.project.settings",
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "ignore",
        "PYTHONUNBUFFERED": "1",
    }


@contextlib.contextmanager
def importing(module: str) -> Iterator[None]:
    """Have processes that begin in a block import a module with more tasks."""
    os.environ["BENCH_IMPORT"] = module
    try:
        yield
    finally:
        del os.environ["BENCH_IMPORT"]


def python(*arguments: str) -> list[str]:
    """Return a command line of the Python that runs the benchmark."""
    return [sys.executable, *arguments]
