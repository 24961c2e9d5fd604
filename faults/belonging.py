"""
The load of chaos that belongs together: chains, batches, and what is done again and again.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from boogie.apps.tasks import Batch, Schedule, Task, batch
from boogie.apps.tasks.lifecycle.needs import arrows
from boogie.apps.tasks.models import Dependency
from faults.evidence.counting import ENDED
from faults.lab import together
from faults.lab.models import Thing
from faults.scene import Scene

#: Things that have a digest, and how many of them one transaction is about.
SUBSCRIBERS, PORTION = 40, 7
#: Seconds until the next slot of what is to make no more of them.
NEVER = 10.0 * 24 * 60 * 60


class Belonging:
    """Makes rows that belong together, and does in the end what only a person can."""

    def __init__(self, scene: Scene) -> None:
        self.scene, self.random = scene, scene.random

    # --- making -----------------------------------------------------------------------

    def begin(self) -> None:
        """Have something be done again and again."""
        subscribe(SUBSCRIBERS)
        one = Thing.objects.create(label="ticks")
        together.tick.using(name="ticks").repeat(timedelta(seconds=together.EVERY), one)

    def add(self, seconds: float) -> None:
        """Make a chain, a join, or a batch, of bodies that take so long at most."""
        kind = self.random.choice([self._chain, self._join, self._batch])
        for row in kind(min(seconds, 0.5)):
            self.scene.note_made(row)

    def _chain(self, seconds: float) -> list[Task]:
        rows = [self._step(together.step, seconds)]
        for _ in range(self.random.randrange(1, 5)):
            rows.append(self._step(together.step.using(after=rows[-1]), seconds))
        return rows

    def _join(self, seconds: float) -> list[Task]:
        first = [self._any(seconds) for _ in range(self.random.randrange(2, 5))]
        return [*first, self._step(together.step.using(after=first), seconds)]

    def _batch(self, seconds: float) -> list[Task]:
        with batch(self.scene.thing(), title="chaos", **together.CALLED):
            rows = [self._any(seconds) for _ in range(self.random.randrange(8))]
            if self.random.random() < 0.3:
                rows.append(together.adds.delayed(self.scene.thing()))
            return rows

    def _any(self, seconds: float) -> Task:
        kind = self.random.random()
        if kind < 0.1:
            return together.stumbles.delayed(self.scene.thing())
        return self._step(together.step, seconds)

    def _step(self, task: Any, seconds: float) -> Task:
        return task.delayed(self.scene.thing(), seconds, seconds)

    # --- ending -----------------------------------------------------------------------

    def settle(self, timeout: float) -> None:
        """
        End what never ends by itself: schedules, and rows that wait for one that has failed.

        Those that failed are retried once, as a person would; who then still waits is cancelled.
        """
        self._until("slots are whole", no_more_slots, timeout)
        for act in (_retry_needed, _cancel_waiting):
            self._until("only dead ends are left", _are_dead_ends, timeout)
            self._until("it is done", lambda act=act: (act(), True)[1], timeout)
        self._until("batches are over", lambda: not Batch.objects.running().exists(), timeout)

    def _until(self, what: str, condition: Callable[[], bool], timeout: float) -> None:
        try:
            self.scene.wait(condition, what, timeout)
        except TimeoutError:
            self.scene.outcome.problems.append(f"not so after {timeout:.0f} s: {what}")


def subscribe(number: int) -> None:
    """Make things that have a digest from now on."""
    things = [Thing(label=f"{together.SUBSCRIBER} {i}") for i in range(number)]
    Thing.objects.bulk_create(things, batch_size=500)


def no_more_slots() -> bool:
    """Have schedules make no more slots; return whether those that have begun are whole."""
    for schedule in Schedule.objects.all():
        later = schedule.next_after(schedule.created + timedelta(seconds=NEVER))
        if schedule.next_run != later:
            schedule.next_run = later
            schedule.save()
    return not Schedule.objects.open().exists()


def _are_dead_ends() -> bool:
    """Return whether all rows that have not ended wait for one that has failed."""
    live = set(Task.objects.exclude(status__in=ENDED).values_list("pk", flat=True))
    vain = set(Task.objects.failed().values_list("pk", flat=True))
    waits = list(_waiting().values_list("row_id", "needs_id"))
    for _ in range(len(waits)):
        more = {row for row, needs in waits if needs in vain} - vain
        if not more:
            break
        vain |= more
    return live <= vain


def _waiting() -> Any:
    return Dependency.objects.filter(state=arrows.WAITS)


def _retry_needed() -> None:
    keys = list(_waiting().values_list("needs_id", flat=True))
    Task.objects.failed().filter(pk__in=keys).retry()
    for one in Batch.objects.over():
        one.retry()


def _cancel_waiting() -> None:
    keys = list(_waiting().values_list("row_id", flat=True))
    Task.objects.filter(pk__in=keys).cancel()
