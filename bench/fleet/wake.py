"""
Rows that come to idle workers which listen: how many of them wake, and what they fetch.
"""

import time
from typing import Any, TextIO

from django.db.models import Count

from bench.fleet import members, stage, work
from boogie.apps.tasks.models import Task, Worker
from tests.support.waiting import wait_until

#: Seconds that are waited for latecomers after the last row has finished.
AFTER = 1.5


def measure(out: TextIO, workers: int, rows: int, body: float, rounds: int) -> None:
    """Write, of each round, how many workers fetched, and how often, for so many single rows."""
    with members.living(workers, body=body) as fetches:
        wait_until(lambda: _listening() == workers, what="all workers listen")
        for number in range(rounds):
            time.sleep(AFTER)
            before = list(fetches)
            _come(rows, (number + 1) * rows + 1)
            found = [now - then for now, then in zip(fetches, before, strict=True)]
            _tell(out, found)
        ran = Task.objects.finished().filter(worker__startswith="fleet")
        took = len(ran.values("worker").annotate(n=Count("pk")))
        place = stage.where()
    out.write(f"{rows} rows, one by one, for {workers} workers that listen; {rounds} rounds\n")
    out.write(f"{took} workers have run a row in all; {place}\n")


def _listening() -> int:
    return Worker.objects.filter(listening__isnull=False).count()


def _come(rows: int, upto: int) -> None:
    """Make rows, each in a transaction of its own; wait until ``upto`` have finished."""
    work.enqueue_one_by_one(rows)
    wait_until(lambda: Task.objects.finished().count() >= upto, what="all rows have finished")
    time.sleep(AFTER)


def _tell(out: TextIO, found: list[Any]) -> None:
    all_of_them, empty = found[::2], found[1::2]
    woke = sum(1 for one in all_of_them if one)
    out.write(
        f"{woke:6} workers fetched, {sum(all_of_them):6} fetches, {sum(empty):6} of nothing\n"
    )
