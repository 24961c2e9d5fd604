"""
Run all tests: ``python tests/run.py [pytest options]``.

A leg is one pytest session on one database and one broker. Tests that need a
server run where it answers on its standard local port and are counted as
skipped elsewhere; with ``BOOGIE_REQUIRE_SERVICES=1`` a missing server fails.
"""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parent.parent

EVERYTHING = ["tests"]
ON_DATABASES = ["tests/db", "tests/races", "tests/faults"]
ON_BROKERS = ["tests/faults"]

#: (database, broker, what runs)
LEGS = [
    ("sqlite", "boogie", EVERYTHING),
    ("postgresql", "boogie", ON_DATABASES),
    ("mariadb", "boogie", ON_DATABASES),
    ("postgresql", "redis", ON_BROKERS),
    ("mariadb", "rabbitmq", ON_BROKERS),
]


def run_leg(leg: tuple[str, str, list[str]]) -> bool:
    """Run one leg, print its output at its end, return whether it passed."""
    database, broker, paths = leg
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *sys.argv[1:], *paths],
        cwd=ROOT,
        env={**os.environ, "DATABASE": database, "BROKER": broker},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    seconds = time.monotonic() - start
    print(f"=== {database} + {broker} ({seconds:.0f} s)\n{done.stdout}", flush=True)
    return done.returncode == 0


def main() -> int:
    with ThreadPoolExecutor(max_workers=3) as pool:
        passed = list(pool.map(run_leg, LEGS))
    for (database, broker, _), good in zip(LEGS, passed, strict=True):
        print(f"{'passed' if good else 'FAILED'}: {database} + {broker}")
    print(f"{sum(passed)} passed, {len(passed) - sum(passed)} failed")
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
