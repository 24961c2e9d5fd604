"""
Run all tests: ``python tests/run.py [--quick | --versions | --coverage] [pytest options]``.

A leg is one database and one broker; its tests run in a few pytest sessions, several of them
side by side, since workers wait for most of their time. Tests that need a server run where it
answers on its standard local port and are counted as skipped elsewhere; with
``BOOGIE_REQUIRE_SERVICES=1`` a missing server fails.

A test runs on as many legs as what it shows depends on:

* What the database decides (``tests/db``, ``tests/races``) runs on each database. Tests that are
  marked ``once`` would show the same on all of them, and run on SQLite and ``boogie://``.
* What workers do runs on a broker and on ``boogie://``; of that, what depends on who carries the
  messages (``CARRIED``) on each other broker and database, too.
* What a browser shows is looked at on one, with a worker behind it on two; what depends on none
  (``tests/unit``, ``tests/house``) runs on one.

``--versions``: what depends on the versions of Python, Django and Celery, for a pair that is not
the first one to be tested.
``--quick``: what is fast and starts no worker, on SQLite.
``--coverage``: count what runs in the legs together, worker processes included.
All legs must reach the share that ``pyproject.toml`` names; some of them need not.

Up to ``FEW`` tests of a session that fail beside others run once more when all others are over. The
summary names those that pass then: such a test is to be mended, but it is not what was changed.
"""

import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parent.parent
DATA = ROOT / ".coverage"

#: Sessions that run side by side: workers wait for most of their time, and so do databases.
SESSIONS = 9
#: So many tests of a session may have failed for want of a quiet machine.
FEW = 3

WORKERS = ["tests/workers"]
#: Half of what workers do, and the other half: side by side, since they wait rather than work.
RUNNING = ["tests/workers/running"]
NOT_RUNNING = [*WORKERS, *(f"--ignore={path}" for path in RUNNING)]
#: Where tests that are marked ``once`` have run already.
AGAIN = ["-mnot once"]
#: What a worker does that depends on who carries messages, or on how often somebody looks for them.
CARRIED = [
    "tests/workers/doorbells",
    "tests/workers/dying",
    "tests/workers/pools",
    *(
        f"tests/workers/running/test_{name}.py"
        for name in ("background", "cancelling", "connections", "control", "plain_celery", "turns")
    ),
]
#: What a worker does by the parts of Celery that differ most from version to version.
NEAREST = [
    "tests/workers/doorbells",
    "tests/workers/pools",
    "tests/workers/running/test_control.py",
    "tests/workers/running/test_plain_celery.py",
]
BROWSER = ["tests/browser"]
#: What a browser sees of it that depends on a broker, or on how rows are locked.
WITH_SERVERS = ["tests/browser/test_steering.py"]
EXAMPLES = ["tests/docs/test_pages.py"]
ON_DATABASES = ["tests/db", "tests/races"]
EVERYTHING_ELSE = ["tests", *(f"--ignore={path}" for path in (*WORKERS, *BROWSER, *ON_DATABASES))]

Session = tuple[str, str, list[str]]

#: (database, broker, what runs), what takes, or waits, longest first. ``LEGS="sqlite+boogie …"``
#: chooses.
LEGS: list[Session] = [
    ("postgresql", "redis", NOT_RUNNING + AGAIN),
    ("postgresql", "redis", RUNNING + AGAIN),
    ("mariadb", "rabbitmq", ON_DATABASES + AGAIN),
    ("postgresql", "redis", ON_DATABASES + AGAIN),
    ("sqlite", "boogie", NOT_RUNNING),
    ("sqlite", "boogie", RUNNING),
    ("mariadb", "rabbitmq", CARRIED + AGAIN),
    ("postgresql", "boogie", CARRIED + AGAIN),
    ("mariadb", "boogie", CARRIED + AGAIN),
    ("sqlite", "boogie", ON_DATABASES),
    ("sqlite", "boogie", EVERYTHING_ELSE),
    ("postgresql", "boogie", EXAMPLES),
    ("sqlite", "boogie", BROWSER),
    ("postgresql", "redis", WITH_SERVERS),
]

#: What is the same on all versions, or is read and not run: files, catalogues, the wheel. And what
#: is long and shows nothing of a version that others do not: faults, the demo, the documentation.
UNVERSIONED = [
    "tests/db/belonging",
    "tests/db/lifecycle/test_model.py",
    "tests/db/lifecycle/test_planted.py",
    "tests/db/monitoring/test_pages_of_many_rows.py",
    "tests/docs",
    "tests/house/test_budgets.py",
    "tests/house/test_contributing.py",
    "tests/house/test_demo.py",
    "tests/house/test_instructions.py",
    "tests/house/test_lint.py",
    "tests/house/test_translations.py",
    "tests/house/test_wheel.py",
    "tests/workers/test_matrix.py",
]

#: What takes long without a worker: what is counted or built, the demo, the random histories.
SLOW = [
    "tests/house/test_instructions.py",
    "tests/house/test_wheel.py",
    "tests/house/test_demo.py",
    "tests/db/lifecycle/test_model.py",
]

#: Two sessions, so that two cores have something to do.
QUICK: list[Session] = [
    ("sqlite", "boogie", ["tests/db", *(f"--ignore={path}" for path in SLOW)]),
    ("sqlite", "boogie", ["tests/unit", "tests/house", *(f"--ignore={path}" for path in SLOW)]),
]

#: What is counted in instructions takes a hundred times as long when lines are counted, too.
UNCOUNTED = ["--ignore=tests/house/test_instructions.py"]


def chosen() -> list[Session]:
    """Return the sessions of the legs that the environment asks for, or of all."""
    known = {f"{database}+{broker}" for database, broker, _ in LEGS}
    wanted = set(os.environ.get("LEGS", "").split()) or known
    if wanted - known:
        sys.exit(f"LEGS names {', '.join(wanted - known)}; there are {', '.join(sorted(known))}")
    return [session for session in LEGS if f"{session[0]}+{session[1]}" in wanted]


def versioned() -> list[Session]:
    """
    Return the chosen sessions, less what does not depend on versions.

    What is for each database runs where there is a server, and not on SQLite too. Of what workers
    do, what is nearest to Celery; of pages, those with a worker behind.
    """
    ignored = [f"--ignore={path}" for path in UNVERSIONED]
    sessions = []
    for database, broker, paths in chosen():
        if paths == ON_DATABASES + AGAIN:
            paths = ["tests/db"]
        elif paths in (NOT_RUNNING, NOT_RUNNING + AGAIN):
            paths = NEAREST
        elif paths == BROWSER:
            paths = WITH_SERVERS
        elif paths in (RUNNING, RUNNING + AGAIN, WITH_SERVERS, EXAMPLES, ON_DATABASES):
            continue
        elif paths == CARRIED + AGAIN:
            paths = NEAREST[:1]
        sessions.append((database, broker, paths + ignored))
    return sessions


def run_session(session: Session, python: list[str], options: list[str]) -> str | None:
    """Run one session, print its output at its end, return that; ``None`` if it passed."""
    database, broker, paths = session
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
    print(f"=== {_title(session)} ({seconds:.0f} s)\n{done.stdout}", flush=True)
    return done.stdout if done.returncode else None


def failed(output: str) -> list[str]:
    """Return the tests that pytest's summary names as failed, by their ids."""
    return re.findall(r"^(?:FAILED|ERROR) (\S+::\w+(?:\[.*?\])?)(?: - .*)?$", output, re.MULTILINE)


def alone(session: Session, output: str, python: list[str], options: list[str]) -> list[str]:
    """Run once more what has failed, if it is little; return it if it passes, else nothing."""
    names = failed(output)
    if not 0 < len(names) <= FEW:
        return []
    database, broker, _ = session
    return names if run_session((database, broker, names), python, options) is None else []


def _title(session: Session) -> str:
    database, broker, paths = session
    return f"{database} + {broker}: {' '.join(path for path in paths if path[0] != '-')}"


def run(sessions: list[Session], python: list[str], options: list[str]) -> bool:
    """Run sessions side by side; print and return whether all have passed."""
    with ThreadPoolExecutor(max_workers=SESSIONS) as pool:
        outputs = list(pool.map(lambda one: run_session(one, python, options), sessions))
    good = 0
    for session, output in zip(sessions, outputs, strict=True):
        unsteady = alone(session, output, python, options) if output else []
        good += output is None or bool(unsteady)
        print(f"{'passed' if output is None or unsteady else 'FAILED'}: {_title(session)}")
        for name in unsteady:
            print(f"  UNSTEADY, failed beside others and passed alone: {name}")
    print(f"{good} passed, {len(sessions) - good} failed", flush=True)
    return good == len(sessions)


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
    elif mode == "--versions":
        passed = run(versioned(), [sys.executable], arguments[1:])
    elif mode == "--coverage":
        passed = run_counted(arguments[1:])
    else:
        passed = run(chosen(), [sys.executable], arguments)
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
