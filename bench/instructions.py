"""
The figure "instructions": what a row costs in machine instructions, counted by callgrind.

Such a count depends on neither the machine's load nor its speed. This module
measures by running itself twice under ``valgrind``, with few rows and with more.
"""

import contextlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from bench import places

FEW, MORE = 20, 60


def are_available() -> bool:
    return all(map(shutil.which, ("valgrind", "callgrind_control")))


def measure(*contexts: str) -> dict[str, Any]:
    """
    Return the instructions to enqueue a row, and to run it, both on SQLite.

    ``contexts``: what ``CONTEXTS`` lists meanwhile.
    """
    return {what: _of_a_row(what, contexts) for what in ("enqueue", "run")}


def measure_unique() -> float:
    """Return the instructions to enqueue the one row of a unique task and an object, on SQLite."""
    return _of_a_row("unique", ())


def measure_all() -> dict[str, Any]:
    """Return all of them."""
    return {**measure(), "unique": measure_unique()}


def _of_a_row(what: str, contexts: tuple[str, ...]) -> float:
    few, more = (_count(what, rows, contexts) for rows in (FEW, MORE))
    return (more - few) / (MORE - FEW)


def _count(what: str, rows: int, contexts: tuple[str, ...]) -> int:
    command = ["valgrind", "--tool=callgrind", "--instr-atstart=no"]
    command += ["--callgrind-out-file=/dev/null"]
    command += places.python("-m", "bench.instructions", what, str(rows), *contexts)
    done = subprocess.run(
        command,
        cwd=places.ROOT,
        env={
            **places.child_env("boogie_sqlite"),
            "BENCH_DATABASE": f"instructions_{what}_{rows}_{len(contexts)}",
            "PYTHONHASHSEED": "0",
        },
        capture_output=True,
        text=True,
        timeout=900,
    )
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode or found is None:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr[-2000:]}")
    return int(found[1])


# --- the measured process -------------------------------------------------------------


@contextlib.contextmanager
def _counting() -> Iterator[None]:
    """Have callgrind count the instructions of a block, and a few around it."""
    command = ["callgrind_control", str(os.getpid()), "--instr"]
    subprocess.run([*command, "on"], check=True, stdout=subprocess.DEVNULL)
    yield
    subprocess.run([*command, "off"], check=True, stdout=subprocess.DEVNULL)


def _work(what: str, rows: int, contexts: list[str]) -> None:
    """Enqueue ``rows`` rows, or run as many; only that is counted, caches are filled before."""
    import django
    from django.conf import settings

    # By another process: Python gives a class at most 1,000 versions to remember its attributes by,
    # and each field that Django makes for a migration takes one from all classes of fields.
    migrate = [*places.python("-m", "django", "migrate"), "--run-syncdb", "--verbosity", "0"]
    subprocess.run(migrate, check=True)
    # What a connection costs is its own: SQLite reads all tables of the project each time.
    settings.DATABASES["default"]["CONN_MAX_AGE"] = None
    if contexts:
        settings.BOOGIE_TASKS = {"CONTEXTS": contexts}
    django.setup()
    from celery.app.trace import build_tracer

    from bench.work.models import Item
    from bench.work.tasks import increment

    item = Item.objects.create(name="item")
    tracer = build_tracer(increment.name, increment, app=increment.app)

    def enqueue(number: int) -> list[Any]:
        return [increment.delayed(item) for _ in range(number)]

    def run(made: list[Any]) -> None:
        for row in made:
            request = {"id": str(row.pk), "hostname": "here", "is_eager": False}
            tracer(str(row.pk), [], {}, {**request, "delivery_info": {}})

    run(enqueue(FEW))
    if what == "enqueue":
        with _counting():
            enqueue(rows)
    elif what == "unique":
        _enqueue_unique([Item.objects.create(name=str(number)) for number in range(FEW + rows)])
    else:
        made = enqueue(rows)
        with _counting():
            run(made)
    value, expected = Item.objects.get(pk=item.pk).value, FEW + (rows if what == "run" else 0)
    if value != expected:
        raise SystemExit(f"{value} of {expected} rows ran")


def _enqueue_unique(items: list[Any]) -> None:
    """Enqueue a row of a unique task about each object; the first fill caches."""
    from boogie.apps.tasks import task

    only = task(unique="live", name="bench.only")(_nothing)
    for item in items[:FEW]:
        only.delayed(item)
    with _counting():
        for item in items[FEW:]:
            only.delayed(item)


def _nothing(item: Any) -> None:
    """Do nothing: nobody runs it."""


if __name__ == "__main__":
    _work(sys.argv[1], int(sys.argv[2]), sys.argv[3:])
