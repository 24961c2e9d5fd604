"""
The load of chaos: rows of every kind, as a web process makes them.
"""

from boogie.apps.tasks import Task
from faults.belonging import Belonging
from faults.kinds import lost_doorbells
from faults.lab import tasks
from faults.lab.models import Thing
from faults.scene import DatabaseAway, Scene


class Load:
    """Makes rows of a scene."""

    def __init__(self, scene: Scene) -> None:
        self.scene, self.random = scene, scene.random
        self.belonging = Belonging(scene)

    def add(self) -> None:
        """Enqueue a few rows, as a web process does: whatever is down must not disturb it long."""
        try:
            for _ in range(self.random.randrange(4)):
                self._enqueue_one()
        except DatabaseAway:
            self.scene.reconnect()  # the web process showed an error; nothing was promised

    def _enqueue_one(self) -> None:
        if self.random.random() < 0.06:
            self.belonging.add(self.random.choice([0.0, 0.01, 0.1, 0.5]))
        else:
            self.scene.note_made(self._make_row(self.scene.thing()))

    def _make_row(self, thing: Thing) -> Task:
        seconds = self.random.choice([0.0, 0.01, 0.1, 0.1, 0.5, 2.0])
        kind = self.random.random()
        if kind < 0.01:
            return tasks.poison.delayed(thing)
        if kind < 0.04:
            return tasks.raises.delayed(thing, self.random.choice(["awkward", "text"]))
        if kind < 0.05:
            return tasks.mourned.delayed(thing, seconds, self.random.uniform(0, 40))
        if kind < 0.06:
            return tasks.work.delayed(thing, *[self.random.uniform(20, 60)] * 2)
        if kind < 0.16:
            with lost_doorbells.tenants() as enqueue:
                return enqueue(self.scene, self.random.choice("abc"), seconds)
        if kind < 0.22:
            return tasks.only.delayed(self._same("only"), seconds, seconds)
        if kind < 0.28:
            return tasks.single.delayed(thing, min(seconds, 0.5), min(seconds, 0.5))
        if kind < 0.36:
            return tasks.pair.delayed(self._same("pair"), seconds, seconds)
        if kind < 0.6:
            short = min(seconds, 0.1) if self.scene.leg.database == "sqlite" else seconds
            return tasks.exact.delayed(thing, short, short)
        if kind < 0.7:
            return tasks.work.schedule(self.random.uniform(0, 20), thing, seconds, seconds)
        return tasks.work.delayed(thing, seconds, seconds)

    def _same(self, label: str) -> Thing:
        """Return one of a few things, so that rows about one meet."""
        return Thing.objects.get_or_create(label=f"{label} {self.random.randrange(3)}")[0]
