"""
Our backend in the places of Django's own two: one that runs at once, and one that never runs.
"""

from typing import Any

from boogie.apps.tasks.backend import BoogieBackend


class ImmediateBackend(BoogieBackend):
    """Runs a row in the process that makes it, by the code of a worker."""

    def enqueue(self, task: Any, args: Any, kwargs: Any) -> Any:
        from boogie.apps.tasks.testing import run_tasks

        result = super().enqueue(task, args, kwargs)
        run_tasks()
        return self.get_result(result.id)


class DummyBackend(BoogieBackend):
    """Keeps rows where no worker is."""

    @property
    def results(self) -> list[Any]:
        from boogie.apps.tasks import loops
        from boogie.apps.tasks.functions import results
        from boogie.apps.tasks.models import Task
        from boogie.apps.tasks.transport.at_once import elsewhere

        def stored() -> list[Any]:
            return [results.of(row) for row in Task.objects.filter(backend=self.alias).in_order()]

        # Tests that are coroutines ask as others do.
        return elsewhere(stored) if loops.is_running() else stored()

    def clear(self) -> None:
        from boogie.apps.tasks.models import Task

        Task.objects.filter(backend=self.alias).delete()
