"""
The figure "instructions": what a row costs in machine instructions, counted by callgrind.

Such a count depends on neither the machine's load nor its speed. This module
measures by running itself twice under ``valgrind``, with few rows and with more.
"""

import re
import shutil
import subprocess
import sys
from typing import Any

from bench import places

FEW, MORE = 20, 60


def are_available() -> bool:
    return shutil.which("valgrind") is not None


def measure() -> dict[str, Any]:
    """Return the instructions to enqueue a row, and to run it, both on SQLite."""
    result: dict[str, Any] = {}
    for what in ("enqueue", "run"):
        counts = [_count(what, rows) for rows in (FEW, MORE)]
        result[what] = (counts[1] - counts[0]) / (MORE - FEW)
    return result


def _count(what: str, rows: int) -> int:
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
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


def _work(what: str, rows: int) -> None:
    """Enqueue ``rows`` rows, or run them too; both counts share what is not asked for."""
    import django

    django.setup()
    from celery.app.trace import build_tracer
    from django.core.management import call_command

    from bench.work.models import Item
    from bench.work.tasks import increment

    call_command("migrate", run_syncdb=True, verbosity=0)
    item = Item.objects.create(name="item")
    enqueued = MORE if what == "run" else rows
    made = [increment.delayed(item) for _ in range(enqueued)]
    tracer = build_tracer(increment.name, increment, app=increment.app)
    for row in made[: rows if what == "run" else 0]:
        request = {"id": str(row.pk), "hostname": "here", "is_eager": False, "delivery_info": {}}
        tracer(str(row.pk), [], {}, request)
    value = Item.objects.get().value
    if value != (rows if what == "run" else 0):
        raise SystemExit(f"{value} of {rows} rows ran")


if __name__ == "__main__":
    _work(sys.argv[1], int(sys.argv[2]))
