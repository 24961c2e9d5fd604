"""What the demo says at its end: everything from the rows, nothing remembered."""

import heapq
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from django.db.models import QuerySet

from boogie.apps.tasks import Task
from demo.library.tasks import analyse
from demo.terminal import duration, say, table

LARGEST = 5
ERRORS = 2
#: Lines of a traceback that are shown.
TRACEBACK = 3

Rows = QuerySet[Task]


def show_outcomes() -> None:
    """Print how many rows ended in which way, and how long they took."""
    say("\nFinished and failed")
    header = ["", "rows", "waited (median)", "ran: shortest", "median", "longest"]
    outcomes = {"finished": analyse.finished(), "failed": analyse.tasks().failed()}
    lines = [_outcome(name, rows) for name, rows in outcomes.items() if rows.exists()]
    say(table(header, lines))


def _outcome(name: str, rows: Rows) -> list[str]:
    times = list(rows.values_list("created", "started", "ended"))
    waited = [(started - created).total_seconds() for created, started, _ in times]
    ran = [(ended - started).total_seconds() for _, started, ended in times]
    figures = [median(waited), min(ran), median(ran), max(ran)]
    return [name, str(len(times)), *map(duration, figures)]


def show_largest(root: Path) -> None:
    """Print the results of the longest files."""
    say("\nThe largest results")
    rows = analyse.finished().iterator()
    largest = heapq.nlargest(LARGEST, rows, key=lambda row: row.result["lines"])
    header = ["lines", "functions", "classes", "file", "names most used"]
    say(table(header, (_result(row, root) for row in largest)))


def _result(row: Task, root: Path) -> list[str]:
    found = row.get_result()
    counts = [f"{found[what]:,}" for what in ("lines", "functions", "classes")]
    return [*counts, _short(row, root), ", ".join(found["names"])]


def show_errors(root: Path) -> None:
    """Print recorded errors, of different kinds if there are."""
    failed = analyse.tasks().failed()
    chosen = list(_unlike(failed))[:ERRORS]
    say(f"\nErrors as they were recorded ({len(chosen)} of {failed.count()})")
    for row in chosen:
        _show_error(row, root)


def _unlike(rows: Rows) -> Iterator[Task]:
    """Yield first a row for each type of error, then the others."""
    by_type: dict[str, list[Task]] = {}
    for row in rows.order_by("created"):
        by_type.setdefault(row.errors[-1]["type"], []).append(row)
    for alike in by_type.values():
        yield alike[0]
    for alike in by_type.values():
        yield from alike[1:]


def _show_error(row: Task, root: Path) -> None:
    error = row.errors[-1]
    took = duration((row.ended - row.started).total_seconds())
    say(f"  {_short(row, root)}: {row.error}")
    say(f"    attempt {error['attempt']}, after {took}, in {error['worker']}")
    for line in error["traceback"].splitlines()[-TRACEBACK:]:
        say(f"    | {line}")


def _short(row: Task, root: Path) -> str:
    return str(Path(row.object.path).relative_to(root))
