"""
The same work over a million rows that have ended and over ten: what a long history costs.

Rows of :mod:`bench.million` fill a database of each size; rounds over both are interleaved.
"""

import logging
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, TextIO

from django.db import connection, connections
from django.test import override_settings

from bench.fleet import clients, processes, stage, work
from bench.million import fill
from boogie.apps.tasks import current_app, identity
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.execution import start
from boogie.apps.tasks.keeper import purge
from boogie.apps.tasks.lifecycle import states
from boogie.apps.tasks.models import Task
from boogie.apps.tasks.transport import delivery
from tests.support.judge import rescue_as_judge

#: Who has the rows that are rescued; it has no row of its own, and is dead.
GONE = "gone@host/1"
QUEUES = ["fleet-0"]
BATCH, DRAINING = 8, 4
#: Seconds for which rows of the history are kept while it is purged; they are up to 30 days old.
KEPT = 15 * 24 * 3600.0

Figures = dict[str, float]


def measure(out: TextIO, rows: list[int], portion: int, purged: int, rounds: int) -> None:
    """Write rows a second of each kind of work, by the number of rows in the table."""
    current_app.celery_app()
    logging.disable(logging.WARNING)  # each row that is rescued is told of
    for size in rows:
        begun = time.monotonic()
        stage.create(_name(size))
        gib = processes.in_a_child(partial(_on, size, partial(_filled, size)))
        out.write(f"{size:,} rows in {time.monotonic() - begun:.0f} s, {gib:.1f} GiB\n")
        out.flush()
    found: dict[int, list[Figures]] = {size: [] for size in rows}
    for number in range(rounds):
        for size in rows if number % 2 == 0 else reversed(rows):
            job = partial(_on, size, partial(_round, portion, purged))
            found[size].append(processes.in_a_child(job))
            out.write(f"round {number + 1}, {size:,}: {found[size][-1]}\n")
            out.flush()
    _compare(out, found)
    out.write(f"medians of {rounds} rounds: {stage.where()}\n")


def _name(size: int) -> str:
    return f"{stage.NAME}_{size}"


def _on(size: int, job: Callable[[], Any]) -> Any:
    """Do something in the database of a size."""
    connections["default"].settings_dict["NAME"] = _name(size)
    return job()


def _filled(size: int) -> float:
    fill.fill(size)
    return stage.gib()


def _compare(out: TextIO, found: dict[int, list[Figures]]) -> None:
    first, last = min(found), max(found)
    for what in found[first][0]:
        of = {size: statistics.median(one[what] for one in found[size]) for size in found}
        rates = ", ".join(f"{rate:,.0f} over {size:,}" for size, rate in of.items())
        out.write(f"{what:8} {rates}: {of[last] / of[first]:.2f}\n")


# --- one round ------------------------------------------------------------------------


def _round(portion: int, purged: int) -> Figures:
    """Return rows a second of all that is measured, in the database of this process."""
    identity.become_worker(GONE)
    rescue_as_judge()  # what the history says to run, of workers that are silent by now
    work.learn()
    found = {"enqueue": _rate(portion, partial(work.enqueue_one_by_one, portion))}
    found["claim"] = _rate(portion, partial(_claim, portion))
    Task.objects.filter(worker=GONE).running().update(started=Moment(-3600))
    found["rescue"] = _rate(portion, rescue_as_judge)
    if left := Task.objects.filter(worker=GONE).running().count():
        raise RuntimeError(f"{left} rows were not rescued")
    _forget()
    clients.come(DRAINING, portion, QUEUES, BATCH)
    found["drain"] = clients.settled(DRAINING, portion, QUEUES, BATCH)
    _forget()
    with _short_retention():
        found["purge"] = _rate(purged, partial(_purge, purged))
    return found


def _rate(rows: int, job: Callable[[], Any]) -> float:
    begun = time.monotonic()
    job()
    return rows / (time.monotonic() - begun)


def _claim(rows: int) -> None:
    """Reserve and claim, as a worker does, and leave it at that."""
    claimed = 0
    while claimed < rows:
        taken = delivery.reserve_rows(QUEUES, min(BATCH, rows - claimed))
        if not taken:
            raise RuntimeError(f"{claimed} of {rows} rows were claimed")
        claimed += sum(start.claim(str(one.key), work.step.name) is not None for one in taken)


def _purge(rows: int) -> None:
    removed = 0
    while removed < rows:
        found = purge.purge()
        if not found:
            raise RuntimeError(f"there were {removed} rows to purge, and not {rows}")
        removed += found


@contextmanager
def _short_retention() -> Iterator[None]:
    with override_settings(BOOGIE_TASKS={"RETENTION": {states.FINISHED: KEPT}}):
        yield


def _forget() -> None:
    """Delete the rows that this round has made."""
    Task.objects.filter(name=work.step.name)._raw_delete(connection.alias)
