"""
The suites of others: where they come from, and how copies of them are adapted.

Where a suite names its own backend, model or command, there stands ours; where it waits by the
clock for its own worker, it waits longer for one of Celery's.
"""

import ast
import re
import shutil
import subprocess
import sys
import tarfile
from importlib.metadata import version
from pathlib import Path


def download(package: str, directory: Path) -> Path:
    """Unpack the source distribution of the installed version of a package; return its folder."""
    found = list(directory.glob(f"{package.replace('-', '_')}-*.tar.gz".lower()))
    if not found:
        pip = [sys.executable, "-m", "pip", "download", "-qq", "--disable-pip-version-check"]
        exact = f"{package}=={version(package)}"
        options = ["--no-deps", "--no-binary", package, "--dest", str(directory)]
        subprocess.run([*pip, *options, exact], check=True)
        found = list(directory.glob(f"{package.replace('-', '_')}-*.tar.gz".lower()))
    with tarfile.open(found[0]) as archive:
        archive.extractall(directory, filter="data")
    return directory / found[0].name.removesuffix(".tar.gz")


def celery(directory: Path) -> Path:
    """Return a folder with Celery's tests, without its package beside them."""
    source = download("celery", directory)
    copy = _anew(directory / "suite-celery")
    shutil.copytree(source / "t", copy / "t")
    shutil.copy(source / "pyproject.toml", copy)
    return copy


#: Of Django's tests: its two backends are ours, and every test may use the database.
DJANGO = {
    r"django\.tasks\.backends\.(immediate|dummy)": "suites.standins.backends",
    r"\bSimpleTestCase\b": "TransactionTestCase",
}


def django(directory: Path) -> Path:
    """Return a folder with the tests of Django Tasks, on our backend."""
    source = download("django", directory)
    copy = _anew(directory / "suite-django")
    for path in (source / "tests/tasks").glob("*.py"):
        _write(copy / "tasks" / path.name, _adapted(path.read_text(), DJANGO))
    return copy


CLASSES = (
    "DatabaseBackendTestCase",
    "DatabaseBackendWorkerTestCase",
    "DatabaseWorkerProcessTestCase",
)

#: Of the tests of django-tasks-db: Django's own library, our backend, other times, and not a word
#: about how many statements its worker makes.
TASKS_DB = {
    r"\bdjango_tasks\.utils import get_random_id": "django.utils.crypto import get_random_string",
    r"\bget_random_id\(\)": "get_random_string(32)",
    r"\bdjango_tasks\b": "django.tasks",
    r"\bInvalidTaskError\b": "InvalidTask",
    r'"django_tasks_db\.DatabaseBackend"': '"boogie.apps.tasks.backend.BoogieBackend"',
    r"\.version, 4\b": ".version, 7",
    r"self\.assertNumQueries\((?:3|\d+ if [^()]*)\)": "contextlib.nullcontext()",
    r"WORKER_STARTUP_TIME = 1\b": "WORKER_STARTUP_TIME = 20",
    r"sleep_for\.enqueue\(2\)": "sleep_for.enqueue(30)",
    r"\.wait\(timeout=[\d.]+\)": ".wait(timeout=60)",
    r"db_task_result\.status, TaskResultStatus\.FAILED": 'db_task_result.status, "failed"',
    r'"django_tasks_db", errors': '"boogie.apps.tasks", errors',
    "tests.db_worker_test_settings": "suites.settings",
}
IMPORTS = """\
from boogie.apps.tasks.backend import BoogieBackend as DatabaseBackend
from suites.standins import tasks as test_tasks
from suites.standins.rows import DBTaskResult
"""
MANAGE = """\
import sys

from django.core.management import execute_from_command_line

execute_from_command_line(sys.argv)
"""


def django_tasks_db(directory: Path) -> Path:
    """Return a folder with the tests of django-tasks-db of enqueueing, worker and processes."""
    source = download("django-tasks-db", directory)
    copy = _anew(directory / "suite-django-tasks-db")
    text = (source / "tests/tests.py").read_text()
    lines = text.splitlines(keepends=True)
    kept = [
        "".join(lines[_first(node) - 1 : node.end_lineno])
        for node in ast.parse(text).body
        if not _is_left(node)
    ]
    _write(copy / "test_tasks_db.py", IMPORTS + _adapted("".join(kept), TASKS_DB))
    _write(copy / "manage.py", MANAGE)
    return copy


def _is_left(node: ast.stmt) -> bool:
    """Return whether a class is about their command or model alone, or an import of these."""
    if isinstance(node, ast.ClassDef):
        return node.name not in CLASSES
    module = getattr(node, "module", None) or ""
    return module == "tests" or module.startswith("django_tasks_db")


def _first(node: ast.stmt) -> int:
    """Return the line of a statement, or of its first decorator."""
    return min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", ()))])


def _adapted(text: str, changes: dict[str, str]) -> str:
    for pattern, replacement in changes.items():
        text = re.sub(pattern, replacement, text)
    return text


def _anew(directory: Path) -> Path:
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    return directory


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
