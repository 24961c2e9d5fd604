"""
The arrows between rows: in which states they are, and where they are stored.
"""

from typing import Any

from django.apps import apps
from django.db.models import Case, F, Q, QuerySet, When
from django.utils.translation import gettext_lazy as _

from boogie.apps.tasks.db.updating.marked import Marks

#: What the row at the end of an arrow has come to: it has not finished; it never will, and who is
#: after it was cancelled; it has finished, which somebody has yet to tell those after it; told.
WAITS, GIVEN_UP, MET, DONE = range(4)

STATES = [
    (WAITS, _("waits")),
    (GIVEN_UP, _("given up")),
    (MET, _("met")),
    (DONE, _("done")),
]

#: Of these, what keeps a row from starting.
UNMET = Q(state__lt=MET)

#: Rows that others are after, and rows that are after others, by their keys.
NEEDED: Marks = {"needed": Case(When(is_needed=True, then=F("pk")))}
AFTER: Marks = {"after": Case(When(is_after=True, then=F("pk")))}


def all_in(using: str) -> QuerySet[Any]:
    """Return all arrows of a database."""
    found: QuerySet[Any] = apps.get_model("boogie_tasks", "Dependency")._base_manager.using(using)
    return found


def rows_in(using: str) -> QuerySet[Any]:
    """Return all rows of a database."""
    found: QuerySet[Any] = apps.get_model("boogie_tasks", "Task")._base_manager.using(using)
    return found


def forget(using: str, rows: list[Any]) -> None:
    """Delete the arrows of rows that are deleted."""
    mine: Any = all_in(using).filter(row_id__in=rows)
    mine._raw_delete(using)
