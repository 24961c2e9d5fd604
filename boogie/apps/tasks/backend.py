"""
``BoogieBackend`` for Django's setting ``TASKS``: functions of Django Tasks become rows, and run in
the same workers.

No model is imported when this is: users decorate functions before Django is ready.
"""

from collections.abc import Iterator
from typing import Any

from django.core import checks as messages

from .db import ids
from .exceptions import UnknownTask
from .functions import checks, declared, finding, library
from .functions.library import InvalidTask, TaskResultDoesNotExist

#: Characters of the columns for names.
MAX_NAME = 255


class BoogieBackend(library.BaseTaskBackend):  # type: ignore[misc]
    """Runs functions of Django Tasks as rows about no object."""

    task_class = declared.FunctionTask

    supports_defer = True
    supports_async_task = True
    supports_get_result = True
    supports_priority = True

    def validate_task(self, task: Any) -> None:
        """Raise ``InvalidTask`` for what could not be a row, and for options without effect."""
        super().validate_task(task)
        for what, name in (("function", task.module_path), ("queue", task.queue_name)):
            if not (isinstance(name, str) and 0 < len(name) <= MAX_NAME and "\0" not in name):
                raise InvalidTask(
                    f"The name of a {what} has 1 to {MAX_NAME} characters, none of them NUL; it is "
                    f"{name!r:.300}."
                )
        declared.check(task)
        finding.names.add(task.module_path)

    def enqueue(self, task: Any, args: Any, kwargs: Any) -> Any:
        """Insert a queued row in the caller's transaction, and return it as a result."""
        from .enqueue import functions
        from .functions import results

        self.validate_task(task)
        return results.of(functions.enqueue(task, self.alias, args, kwargs))

    def get_result(self, result_id: Any) -> Any:
        """
        Return the row with this id, if this backend made it, as a result.

        Raise ``TaskResultDoesNotExist`` for any other id, and for a row whose function is gone: a
        result of Django Tasks has its task.
        """
        from .functions import results
        from .models import Task

        key = ids.key_of(result_id)
        rows = Task.objects.on_primary().filter(backend=self.alias)
        row = None if key is None else rows.filter(pk=key).first()
        if row is None:
            raise TaskResultDoesNotExist(result_id)
        try:
            return results.of(row)
        except UnknownTask as gone:
            raise TaskResultDoesNotExist(
                f"The row {result_id} is {row.status}, but no result of a task, which is gone. "
                f"Read the row by Task.objects.get(), or have its function back: {gone}"
            ) from gone

    def check(self, **kwargs: Any) -> Iterator[messages.CheckMessage]:
        """E011: whether there is a table for its rows. W011: options that do nothing."""
        yield from super().check(**kwargs)
        yield from checks.without_table(self.alias)
        yield from checks.options_in_vain(self.alias, self.options)
