"""
``python -m suites``: run the suites of others, and say what fails that is not known to.

``--only`` names suites; what stands behind ``--`` is for pytest. Ends with 1 if a test failed that
``known.py`` does not name. Celery's need a Redis for results (``TEST_BACKEND``), and wait by the
clock: judge a failure by running it alone.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from suites import known, sources

ROOT = Path(__file__).parent.parent
CACHE = Path(tempfile.gettempdir()) / "boogie-suites"


class Suite(NamedTuple):
    """One suite: how its copy is made, what pytest is told, which failures are known."""

    prepare: Callable[[Path], Path]
    arguments: list[str]
    known: dict[str, str]


DJANGO = ["-p", "no:celery", "-p", "no:rerunfailures", "-p", "no:timeout"]
WORKER = "test_tasks_db.py::DatabaseBackendWorkerTestCase"
LEFT_OUT = [f"--deselect={WORKER}::{name}" for name in known.LEFT_OUT]
CELERY = [f"t/integration/test_{name}.py" for name in ("tasks", "canvas", "inspect", "worker")]

SUITES = {
    "celery": Suite(
        sources.celery, ["-p", "no:django", "-p", "suites.celery_plugin", *CELERY], known.CELERY
    ),
    "django": Suite(sources.django, DJANGO, known.DJANGO),
    "django-tasks-db": Suite(sources.django_tasks_db, [*DJANGO, *LEFT_OUT], known.DJANGO_TASKS_DB),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m suites")
    parser.add_argument("--only", default=",".join(SUITES), help="suites, with commas")
    parser.add_argument("pytest", nargs="*", help="arguments of pytest, after --")
    options = parser.parse_args()
    CACHE.mkdir(exist_ok=True)
    unknown = [
        test for name in options.only.split(",") for test in run(name, SUITES[name], options.pytest)
    ]
    print("\n".join(["failed, and not known to:", *unknown] if unknown else ["nothing new failed"]))
    return 1 if unknown else 0


def run(name: str, suite: Suite, more: list[str]) -> list[str]:
    """Run one suite, and print how it ended; return the failures that are not known."""
    copy = suite.prepare(CACHE)
    report = CACHE / f"{name}-{os.getpid()}.xml"
    env = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(copy), str(ROOT)]),
        "DJANGO_SETTINGS_MODULE": "suites.settings",
        "TEST_BROKER": os.environ.get("TEST_BROKER", "boogie://"),
        "TEST_BACKEND": os.environ.get("TEST_BACKEND", "redis://localhost:6379/1"),
    }
    options = ["-q", "-p", "no:cacheprovider", f"--rootdir={copy}", f"--junitxml={report}"]
    command = [sys.executable, "-m", "pytest", *options, *suite.arguments, *more]
    subprocess.run(command, cwd=copy, env=env, check=False)
    if not report.exists():
        return [f"{name}: pytest broke down"]
    outcomes = read(report)
    print(name, dict(Counter(outcomes.values())))
    failed = [test for test, outcome in outcomes.items() if outcome == "failed"]
    if not outcomes:
        return [f"{name}: no test was run"]
    return [test for test in failed if not known.reason(test, suite.known)]


def read(report: Path) -> dict[str, str]:
    """Return what became of each test, subtests with the test that they are of."""
    outcomes: dict[str, str] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        name = re.split(r"[ \[]", case.get("name", ""))[0]
        test = f"{case.get('classname', '')}::{name}"
        if case.find("failure") is not None or case.find("error") is not None:
            outcomes[test] = "failed"
        elif case.find("skipped") is not None:
            outcomes.setdefault(test, "skipped")
        elif outcomes.get(test) != "failed":
            outcomes[test] = "passed"
    return outcomes


if __name__ == "__main__":
    sys.exit(main())
