"""What the fleet does: a task whose body does nothing, and how a row of it is run."""

from typing import Any

from django.contrib.auth.models import Group

from boogie.apps.tasks import Concurrency, task
from boogie.apps.tasks.execution import around, settle, start
from boogie.apps.tasks.models import Task

#: Rows that one INSERT makes at most.
CHUNK = 5000


@task(name="bench.fleet.step", queue="fleet-0")
def step(group: Group) -> None:
    """Nothing: what is measured is around it."""


def declare_limits() -> None:
    """Have this process, and what it forks, know of a task with limits: a keeper looks after it."""

    @task(name="bench.fleet.limited", queue="fleet-0", limits=[Concurrency(1)])
    def limited(group: Group) -> None:
        """Nothing: no row of it is made."""


def run(key: Any) -> bool:
    """Claim a row, with its object, and settle it; return whether it was to be had."""
    claimed = start.claim(str(key), step.name)
    if claimed is None:
        return False
    settle.finish(claimed)
    around.leave(claimed)
    return True


def enqueue(number: int, queue: str = "fleet-0", priority: int = 0) -> None:
    """Make so many rows together, about one object."""
    made, group = step.using(queue=queue, priority=priority), _object()
    for first in range(0, number, CHUNK):
        made.each([group] * min(CHUNK, number - first))


def enqueue_one_by_one(number: int) -> None:
    """Make so many rows, each by itself."""
    group = _object()
    for _ in range(number):
        step.delayed(group)


def _object() -> Group:
    return Group.objects.get_or_create(name="of the fleet")[0]


def learn() -> None:
    """Have this process, and what it forks, know of which kind the object of the task is."""
    enqueue(1)
    for key in Task.objects.queued().filter(name=step.name).values_list("pk", flat=True):
        run(key)
