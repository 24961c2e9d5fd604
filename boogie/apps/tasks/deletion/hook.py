"""
Where Django deletes objects: rows that are to go along do so in the same transaction.

Not by its signals: there is one for each object, and deletions are fast only where nobody listens.
Its ``Collector`` knows all that it is about to delete. No model is imported when this is.
"""

from functools import cache, wraps
from typing import Any

from django.db import transaction
from django.db.models.deletion import Collector


@cache
def install() -> None:
    """Have deletions looked at from now on, once a task has a policy; twice is once."""
    plain = Collector.delete

    @wraps(plain)
    def delete(self: Collector) -> Any:
        from . import along

        concerned = along.concerned(self)
        if not concerned:
            return plain(self)
        with transaction.atomic(using=self.using, savepoint=False):
            # Behind the objects: which of them go may depend on their rows, and whoever runs
            # a row in a transaction locks its object first.
            deleted = plain(self)
            for group in concerned:
                along.carry_out(group)
            return deleted

    Collector.delete = delete  # type: ignore[method-assign]
