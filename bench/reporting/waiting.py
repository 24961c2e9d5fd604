"""What the documentation shows of the figure "waiting": its table, and what stands under it."""

from bench.reporting.records import Records
from bench.reporting.tables import about, page
from bench.reporting.targets import ALONE, Figure, Target, of, ratio

#: What is measured: how it is called, its pool, its task, and the system beside.
RUNS = (
    ("threads", "threads", "waits", "celery_tuned"),
    ("greenlets", "gevent", "waits", "celery_stock"),
    ("coroutines on threads", "threads", "awaits", "celery_tuned"),
)


def _part(system: str, pool: str, task: str, path: str = "rate") -> Figure:
    return of(system, "waiting", path, part=f"{pool} {task}")


def _targets() -> list[Target]:
    found = []
    for name, pool, task, beside in RUNS:
        ours = _part(ALONE, pool, task)
        theirs = _part(beside, pool, "waits")
        free = _part(ALONE, pool, "goes_on")
        most = _part(ALONE, pool, task, "connections")
        label = "Celery + django-celery-results"
        found += [
            Target(f"{name}: tasks a second / {label}", ratio(ours, theirs), 3.0),
            Target(f"{name}: the same / bodies that wait for nobody", ratio(ours, free), 0.7),
            Target(f"{name}: the most at one time", most, 20, True, "connections"),
        ]
    return found


def lines(records: Records) -> list[str]:
    """Return the lines of the table, and of what it was measured on."""
    title = "Bodies that wait for 0.2 s, in one process"
    return page(records, title, _targets(), _said(records))


def _said(records: Records) -> str:
    rounds = len(list(records.values(ALONE, "waiting", "rate", part="threads waits")))
    said = about(records, rounds)
    for name, pool, task, beside in RUNS:
        figures = [
            _part(system, pool, its, path)(records)
            for system, its, path in (
                (ALONE, task, "rate"),
                (beside, "waits", "rate"),
                (ALONE, task, "cpu_ms"),
                (beside, "waits", "cpu_ms"),
            )
        ]
        if None not in figures:
            said.append(
                "On {}: {:.0f} and {:.0f} tasks a second, with {:.1f} and {:.1f} ms of CPU each, "
                "servers included.".format(name, *figures)
            )
    loads = sorted(
        record["foreign_cores"]
        for record in records.all
        if record["figure"] == "waiting" and "foreign_cores" in record
    )
    if loads:
        middle = loads[len(loads) // 2]
        said.append(f"Others kept {middle:.2f} cores busy meanwhile (median).")
    return " ".join(said)
