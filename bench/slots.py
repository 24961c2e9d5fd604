"""
The figure of a slot: seconds in which a keeper makes a row about each of many objects.

``DATABASE=postgresql python -m bench.slots [objects]``, in a checkout's environment, with the
server that the tests use. Beside it the time of an ``each()`` over the same objects, which is one
transaction, how much memory the process had at most while it made the slot, and the load.
"""

import os
import resource
import sys
import time
import traceback
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from bench import in_database

#: Users of one INSERT.
CHUNK = 5000


def main(users: int) -> None:
    with in_database.prepared():
        _measure(users)


def _measure(users: int) -> None:
    from django.db import connection

    from boogie.apps.tasks import Schedule, Task, recurring, task
    from boogie.apps.tasks.db.clock import Moment
    from boogie.apps.tasks.scheduling import following, timetable
    from tests.project.blog.models import User

    @recurring(timedelta(days=1), objects=User.objects.all)
    @task(name="bench.slots.visit")
    def visit(user: User) -> None:
        """Nothing runs here."""

    _in_a_child(
        lambda: User.objects.bulk_create(
            (User(username=f"user {n}") for n in range(users)), batch_size=CHUNK
        )
    )
    following.follow()
    Schedule.objects.update(next_run=Moment())
    first = _seconds(lambda: timetable.make(0))
    before = _peak()
    rest = _seconds(lambda: timetable.make(float("inf")))
    peak = _peak()
    made = Task.objects.count()
    if made != users:
        raise SystemExit(f"{made} rows of {users} objects were made")
    Task.objects.all()._raw_delete("default")
    each = _seconds(lambda: visit.each(User.objects.all()))
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    print(f"{users} objects on {connection.vendor}, {os.cpu_count()} processors, load {load}:")
    print(f"slot    {first + rest:8.1f} s, {users / (first + rest):8.0f} rows a second")
    print(f"each()  {each:8.1f} s, {users / each:8.0f} rows a second")
    print(f"memory  {peak:8.1f} MiB at most, {before:.1f} after the first portion")


def _in_a_child(job: Callable[[], Any]) -> None:
    """Have a process of its own do what takes memory that is not to be counted."""
    from django.db import connections

    connections.close_all()
    pid = os.fork()
    if not pid:
        try:
            job()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    if os.waitpid(pid, 0)[1]:
        raise SystemExit("the objects could not be made")


def _seconds(job: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    job()
    return time.perf_counter() - begun


def _peak() -> float:
    """Return how many MiB this process had at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
