"""
The figure of ``exists()``: milliseconds for a list of users, each with whether a task is busy.

``DATABASE=postgresql python -m bench.relations [users]``, in a checkout's environment, with the
server that the tests use. Every user has five rows; one in twenty has one that runs.
"""

import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from bench import in_database

ROUNDS = 7
#: Rows of each user that have finished.
HISTORY = 5
#: One of so many users has a row that runs.
BUSY = 20


def main(users: int) -> None:
    with in_database.prepared():
        from django.db import connection

        _fill(users)
        print(f"{users} users on {connection.vendor}, the best of {ROUNDS} rounds:")
        for name, read in _reads():
            print(f"{name:32} {_best(read):8.1f} ms")


def _fill(users: int) -> None:
    from django.contrib.contenttypes.models import ContentType
    from django.db import connection

    from boogie.apps.tasks import Task
    from tests.project.blog.models import User
    from tests.support.rows import coherent

    made = User.objects.bulk_create(User(username=f"user {n}") for n in range(users))
    kind = ContentType.objects.get_for_model(User)

    def rows() -> Iterator[Task]:
        for number, user in enumerate(User.objects.all() if made[0].pk is None else made):
            for status in ["finished"] * HISTORY + ["running"] * (number % BUSY == 0):
                yield Task(
                    name="bench.relations.clean",
                    content_type=kind,
                    object_id=str(user.pk),
                    **coherent(status),
                )

    Task.objects.bulk_create(rows(), batch_size=1000)
    words = {"mysql": "ANALYZE TABLE", "postgresql": "VACUUM ANALYZE"}
    for model in (User, Task):
        with connection.cursor() as cursor:
            word = words.get(connection.vendor, "ANALYZE")
            cursor.execute(f"{word} {model._meta.db_table}")


def _reads() -> Iterator[tuple[str, Callable[[], Any]]]:
    from boogie.apps.tasks import task
    from tests.project.blog.models import User

    @task(name="bench.relations.clean")
    def clean(user: User) -> None:
        """Nothing runs here."""

    users = User.objects.all()
    annotated = users.annotate(busy=clean.exists("queued", "running"))
    latest = users.annotate(last=clean.latest("ended"))
    yield "users alone", lambda: list(users.all())
    yield "annotate(busy=exists())", lambda: list(annotated.all())
    yield "the same, as values", lambda: list(annotated.values_list("pk", "busy"))
    yield "filter(exists())", lambda: list(users.filter(clean.exists("running")))
    yield "annotate(last=latest())", lambda: list(latest.values_list("pk", "last"))
    yield "prefetch_related(), 100 of them", lambda: list(users.prefetch_related("tasks")[:100])


def _best(read: Callable[[], Any]) -> float:
    best = float("inf")
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        read()
        best = min(best, time.perf_counter() - begun)
    return best * 1000


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
