"""
What a task tells of its rows, and how it deletes them. No model is imported when this is.
"""

from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from boogie.apps.tasks import loops

if TYPE_CHECKING:
    from boogie.apps.tasks.models import TaskQuerySet
    from boogie.apps.tasks.models.results import Results
    from boogie.apps.tasks.relations.expressions import LatestOfRow, RowExists

O = TypeVar("O")  # noqa: E741 - the object


class History(Generic[O]):
    """The part of a task that reads and deletes its rows."""

    name: Any

    def tasks(self, obj: O | None = None) -> "TaskQuerySet":
        """Return all rows of this task, or those about ``obj``."""
        from boogie.apps.tasks.models import Task

        rows = Task.objects.named(self.name)
        return rows if obj is None else rows.for_object(cast(Any, obj))

    def finished(self, obj: O | None = None) -> "TaskQuerySet":
        """Return the finished rows of this task, or those about ``obj``."""
        return self.tasks(obj).finished()

    def results(self, obj: O | None = None) -> "Results":
        """Return the deserialized results of finished rows, in order of creation."""
        return self.tasks(obj).results()

    def exists(self, *statuses: str) -> "RowExists":
        """
        Return whether an object has rows of this task in one of ``statuses``; without: any rows.

        An expression for querysets of its model: ``User.objects.filter(clean.exists("failed"))``.
        """
        from boogie.apps.tasks.relations.expressions import RowExists

        return RowExists(self.name, statuses)

    def latest(self, field: str) -> "LatestOfRow":
        """
        Return ``field`` of the row of this task that was created last about an object.

        An expression for querysets of its model, as in
        ``User.objects.annotate(last=clean.latest("ended"))``.
        """
        from boogie.apps.tasks.relations.expressions import LatestOfRow

        return LatestOfRow(self.name, field)

    def clean(self, obj: O | None = None, keep_last: bool = False, finished: bool = True) -> int:
        """
        Delete rows, never running ones, and return how many.

        ``finished``: only rows that have ended; else paused and queued ones too.
        ``keep_last``: keep the finished row created last for each object.
        """
        loops.refuse("clean", "aclean")
        return self.tasks(obj).clean(keep_last=keep_last, finished=finished)
