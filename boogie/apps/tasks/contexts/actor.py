"""
Who asked for a row, as the actor of ``django-auditlog``.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.utils.functional import SimpleLazyObject

from boogie.apps.tasks.serialization import carried


class Actor:
    """Whoever ``row.requested_by`` names, in the log entries that a run makes."""

    def capture(self) -> bool | None:
        """Return whether there is somebody; the row itself says who."""
        subject = carried.subject()
        return bool(subject and subject.row.requested_by_id) or None

    @contextmanager
    def restore(self, data: bool) -> Iterator[None]:
        """Have auditlog note the user, who is read when an entry is made."""
        from auditlog.context import set_actor

        subject = carried.subject()
        row = None if subject is None else subject.row
        with set_actor(SimpleLazyObject(lambda: getattr(row, "requested_by", None))):
            yield
