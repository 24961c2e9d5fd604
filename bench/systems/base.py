"""What the benchmark has to know of a system."""

from typing import Any

from bench import places


class System:
    """
    One system. Settings are made from it, so nothing here imports a model at its top.

    ``register`` and ``enqueue`` run in Django processes, the rest in the benchmark's.
    """

    name = ""
    label = ""
    apps: tuple[str, ...] = ()
    uses_celery = False
    on_sqlite = False
    has_bulk = False
    #: Tables to empty before a round.
    tables: tuple[str, ...] = ()
    #: A query for the outcome of one task, with its handle as the parameter.
    outcome = ""
    #: A query that counts the outcomes written since ``%(since)s``.
    outcomes = ""
    #: Statements that make ``{rows}`` finished rows.
    history: tuple[str, ...] = ()
    #: Tasks whose latency is taken one by one; fewer for a system that takes half a second.
    samples = 200

    def settings(self) -> dict[str, Any]:
        """Return this system's part of Django's settings."""
        return {}

    def register(self) -> Any:
        """Make the task, of the functions in ``bench.work.logic``."""
        raise NotImplementedError

    def enqueue(self, task: Any, pk: int) -> Any:
        """Enqueue a run of the registered task; return a handle for ``outcome``."""
        raise NotImplementedError

    def enqueue_bulk(self, task: Any, pks: list[int]) -> None:
        """Enqueue many, by the interface that the system has for it."""
        raise NotImplementedError

    def workers(self) -> list[list[str]]:
        """Return the command lines of workers that have two processes for tasks."""
        raise NotImplementedError


def celery_worker() -> list[list[str]]:
    """Return the command line of a stock Celery worker."""
    command = ["-m", "celery", "-A", "bench.project", "worker", "-c", "2", "-l", "WARNING"]
    return [places.python(*command)]


def django_task() -> Any:
    """Return the task of Django Tasks, for its backends."""
    from django.tasks import task

    from bench.work.logic import load_and_add_one

    # A backend finds a task by the module and name of its function.
    def increment(pk: int) -> Any:
        return load_and_add_one(pk)

    increment.__module__, increment.__qualname__ = "bench.work.tasks", "increment"
    return task(increment)
