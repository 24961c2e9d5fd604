"""
``self.retry()``: Celery's words for a row that goes back to the queue.

No model is imported when this is.
"""

from typing import TYPE_CHECKING, Any, cast

from celery.contrib.django.task import DjangoTask
from celery.exceptions import MaxRetriesExceededError, Retry

from boogie.apps.tasks.exceptions import ArgumentError
from boogie.apps.tasks.protocols import Declaration
from boogie.apps.tasks.serialization import payloads

from .options import check_priority, check_queue

if TYPE_CHECKING:
    from boogie.apps.tasks.execution.run import Run

    CeleryTask = DjangoTask[Any, Any]
else:
    CeleryTask = DjangoTask  # no generic class before Celery 5.7

#: What may be asked of ``self.retry()`` besides its named parameters.
RETRY_OPTIONS = frozenset({"queue", "priority"})


class Retrying(CeleryTask):
    """The part of a task that asks for another attempt."""

    if TYPE_CHECKING:  # from BoogieTask

        @property
        def _current_run(self) -> Run | None: ...

        def check_call(self, *args: Any, **kwargs: Any) -> None: ...

    def retry(
        self,
        args: Any = None,
        kwargs: dict[str, Any] | None = None,
        exc: Exception | None = None,
        throw: bool = True,
        eta: Any = None,
        countdown: float | None = None,
        max_retries: int | None = None,
        **options: Any,
    ) -> Retry:
        """
        Run this row again later, as Celery's ``retry`` does with a message.

        The row goes back to ``queued``, due after ``countdown`` seconds (default
        ``default_retry_delay``) or at ``eta``. ``args`` (the object first) and
        ``kwargs`` replace the row's. ``options``: ``queue`` and ``priority``.
        """
        run = self._current_run
        if run is None:
            return super().retry(args, kwargs, exc, throw, eta, countdown, max_retries)
        from boogie.apps.tasks.execution import delays

        limit = self.max_retries if max_retries is None else max_retries
        changes = self._retry_changes(run, args, kwargs, options)
        if not delays.has_retry_left(run.row, limit):
            raise exc or MaxRetriesExceededError(
                f"Can't retry {self.name}[{run.row.pk}]: {limit} retries are over",
                task_args=run.args,
                task_kwargs=run.kwargs,
            )
        run.changes = changes
        when = delays.retry_time(eta, countdown, usual=self.default_retry_delay)
        retry = Retry(exc=exc, when=when)
        if throw:
            raise retry
        run.postponed = retry
        return retry

    def _retry_changes(
        self, run: "Run", args: Any, kwargs: dict[str, Any] | None, options: dict[str, Any]
    ) -> dict[str, Any]:
        """Return what the retry changes in the row, checked as an enqueue checks it."""
        if unknown := options.keys() - RETRY_OPTIONS:
            raise TypeError(
                f"{self.name}: retry() takes no option {', '.join(sorted(unknown))}; "
                f"besides its parameters it takes {' and '.join(sorted(RETRY_OPTIONS))}."
            )
        check_queue(self.name, options.get("queue"))
        check_priority(self.name, options.get("priority"))
        changes = {name: value for name, value in options.items() if value is not None}
        if args is not None or kwargs is not None:
            new_args = list(run.args if args is None else args)
            new_kwargs = dict(run.kwargs if kwargs is None else kwargs)
            if not new_args or new_args[0] != run.args[0]:
                raise ArgumentError(f"{self.name}: retry() must keep the object as first argument.")
            self.check_call(*new_args, **new_kwargs)
            task = cast(Declaration, self)
            changes["args"], changes["kwargs"] = payloads.pack_arguments(
                task, tuple(new_args[1:]), new_kwargs
            )
        return changes
