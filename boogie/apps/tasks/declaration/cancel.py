"""
``check_cancelled()``: how a running body learns that its row was cancelled.

For a task, and as a function for plain ones. No model is imported when this is.
"""

from typing import TYPE_CHECKING, Any

from celery import _state

from boogie.apps.tasks import loops

if TYPE_CHECKING:
    from boogie.apps.tasks.execution.run import Run


class Cancelling:
    """The part of a task that asks whether to go on."""

    if TYPE_CHECKING:  # from BoogieTask

        @property
        def _current_run(self) -> Run | None: ...

    def check_cancelled(self) -> None:
        """
        Raise :class:`TaskCancelled` if the row of this run was cancelled, or taken away.

        Cheap enough for a loop: the database is asked once a second at most.
        Does nothing when the function was simply called.
        """
        from boogie.apps.tasks.execution import cancellation

        run = self._current_run
        if run is not None:
            cancellation.check(run)


def check_cancelled() -> None:
    """Raise :class:`TaskCancelled` if the row of the task that runs here was cancelled."""
    if (task := _running_here()) is not None:
        task.check_cancelled()


async def acheck_cancelled() -> None:
    """Do what :func:`check_cancelled` does, and let the event loop go on meanwhile."""
    if (task := _running_here()) is not None:
        await task.acheck_cancelled()


def _running_here() -> Any:
    """Return the innermost task of this thread, or of this coroutine, that has a row."""
    stack: list[Any] = [loops.body.get(), *_state._task_stack.stack]  # type: ignore[attr-defined]
    for task in reversed(stack):
        if isinstance(task, Cancelling) and task._current_run is not None:
            return task
    return None
