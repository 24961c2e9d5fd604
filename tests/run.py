"""
Run all tests: ``python tests/run.py [--quick | --coverage] [pytest options]``.

A leg is one pytest session on one database and one broker. Tests that need a
server run where it answers on its standard local port and are counted as
skipped elsewhere; with ``BOOGIE_REQUIRE_SERVICES=1`` a missing server fails.

``--quick``: what is fast and starts no worker, on SQLite.
``--coverage``: count what runs in the legs together, worker processes included.
All legs must reach the share that ``pyproject.toml`` names; some of them need not.
"""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parent.parent
DATA = ROOT / ".coverage"

EVERYTHING = ["tests"]
ON_DATABASES = ["tests/db", "tests/races", "tests/workers"]
ON_BROKERS = ["tests/workers"]

Leg = tuple[str, str, list[str]]

#: (database, broker, what runs); ``LEGS="sqlite+boogie …"`` chooses among them.
LEGS: list[Leg] = [
    ("sqlite", "boogie", EVERYTHING),
    ("postgresql", "redis", ON_DATABASES),
    ("mariadb", "rabbitmq", ON_DATABASES),
    ("postgresql", "boogie", ON_BROKERS),
    ("mariadb", "boogie", ON_BROKERS),
]

#: What takes long without a worker: what is counted or built, the demo, the random histories.
SLOW = [
    "tests/house/test_instructions.py",
    "tests/house/test_wheel.py",
    "tests/house/test_demo.py",
    "tests/db/lifecycle/test_model.py",
]

#: Two sessions, so that two cores have something to do.
QUICK: list[Leg] = [
    ("sqlite", "boogie", ["tests/db", *(f"--ignore={path}" for path in SLOW)]),
    ("sqlite", "boogie", ["tests/unit", "tests/house", *(f"--ignore={path}" for path in SLOW)]),
]

#: What is counted in instructions takes a hundred times as long when lines are counted, too.
UNCOUNTED = ["--ignore=tests/house/test_instructions.py"]


def chosen() -> list[Leg]:
    """Return the legs that the environment asks for; all of them if it does not."""
    wanted = os.environ.get("LEGS", "").split()
    legs = [leg for leg in LEGS if not wanted or f"{leg[0]}+{leg[1]}" in wanted]
    if len(legs) < len(wanted):
        sys.exit(f"LEGS names what is none of {', '.join(f'{d}+{b}' for d, b, _ in LEGS)}")
    return legs


def run_leg(leg: Leg, python: list[str], options: list[str]) -> bool:
    """Run one leg, print its output at its end, return whether it passed."""
    database, broker, paths = leg
    start = time.monotonic()
    done = subprocess.run(
        [*python, "-m", "pytest", "-q", *options, *paths],
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


def run(legs: list[Leg], python: list[str], options: list[str]) -> bool:
    """Run legs side by side; print and return whether all have passed."""
    with ThreadPoolExecutor(max_workers=3) as pool:
        passed = list(pool.map(lambda leg: run_leg(leg, python, options), legs))
    for (database, broker, _), good in zip(legs, passed, strict=True):
        print(f"{'passed' if good else 'FAILED'}: {database} + {broker}")
    print(f"{sum(passed)} passed, {len(passed) - sum(passed)} failed", flush=True)
    return all(passed)


def run_counted(options: list[str]) -> bool:
    """Run the chosen legs under coverage; print the report of all of them together."""
    os.environ["COVERAGE_FILE"] = str(DATA)
    coverage = [sys.executable, "-m", "coverage"]
    subprocess.run([*coverage, "erase"], cwd=ROOT, check=True)
    passed = run(chosen(), [*coverage, "run"], [*UNCOUNTED, *options])
    subprocess.run([*coverage, "combine", "--quiet"], cwd=ROOT, check=True)
    floor = ["--fail-under=0"] if os.environ.get("LEGS") else []
    reported = subprocess.run([*coverage, "report", *floor], cwd=ROOT, check=False)
    return passed and reported.returncode == 0


def main(arguments: list[str]) -> int:
    mode = arguments[0] if arguments else ""
    if mode == "--quick":
        passed = run(QUICK, [sys.executable], arguments[1:])
    elif mode == "--coverage":
        passed = run_counted(arguments[1:])
    else:
        passed = run(chosen(), [sys.executable], arguments)
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
