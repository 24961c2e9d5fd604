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


def measure() -> dict[str, Any]:
    """Return the instructions to enqueue a row, and to run it, both on SQLite."""
    result: dict[str, Any] = {}
    for what in ("enqueue", "run"):
        counts = [_count(what, rows) for rows in (FEW, MORE)]
        result[what] = (counts[1] - counts[0]) / (MORE - FEW)
    return result


def _count(what: str, rows: int) -> int:
    command = ["valgrind", "--tool=callgrind", "--instr-atstart=no"]
    command += ["--callgrind-out-file=/dev/null"]
    command += places.python("-m", "bench.instructions", what, str(rows))
    done = subprocess.run(
        command,
        cwd=places.ROOT,
        env={
            **places.child_env("boogie_sqlite"),
            "BENCH_DATABASE": f"instructions_{what}_{rows}",
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


def _work(what: str, rows: int) -> None:
    """Enqueue ``rows`` rows, or run as many; only that is counted, caches are filled before."""
    import django

    # By another process: Python gives a class at most 1,000 versions to remember its attributes by,
    # and each field that Django makes for a migration takes one from all classes of fields.
    migrate = [*places.python("-m", "django", "migrate"), "--run-syncdb", "--verbosity", "0"]
    subprocess.run(migrate, check=True)
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
    else:
        made = enqueue(rows)
        with _counting():
            run(made)
    value, expected = Item.objects.get().value, FEW + (rows if what == "run" else 0)
    if value != expected:
        raise SystemExit(f"{value} of {expected} rows ran")


if __name__ == "__main__":
    _work(sys.argv[1], int(sys.argv[2]))
