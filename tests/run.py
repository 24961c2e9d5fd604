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
ON_DATABASES = ["tests/db", "tests/races", "tests/workers"]
ON_BROKERS = ["tests/workers"]

#: (database, broker, what runs); ``LEGS="sqlite+boogie …"`` chooses among them.
LEGS = [
    ("sqlite", "boogie", EVERYTHING),
    ("postgresql", "redis", ON_DATABASES),
    ("mariadb", "rabbitmq", ON_DATABASES),
    ("postgresql", "boogie", ON_BROKERS),
    ("mariadb", "boogie", ON_BROKERS),
]


def chosen() -> list[tuple[str, str, list[str]]]:
    """Return the legs that the environment asks for; all of them if it does not."""
    wanted = os.environ.get("LEGS", "").split()
    legs = [leg for leg in LEGS if not wanted or f"{leg[0]}+{leg[1]}" in wanted]
    if len(legs) < len(wanted):
        sys.exit(f"LEGS names what is none of {', '.join(f'{d}+{b}' for d, b, _ in LEGS)}")
    return legs


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
        passed = list(pool.map(run_leg, legs := chosen()))
    for (database, broker, _), good in zip(legs, passed, strict=True):
        print(f"{'passed' if good else 'FAILED'}: {database} + {broker}")
    print(f"{sum(passed)} passed, {len(passed) - sum(passed)} failed")
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
