"""
Who did what to which rows, written where the admin keeps it.
"""

from collections.abc import Sequence
from typing import Any

from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.utils.translation import ngettext

from boogie.apps.tasks.models import Task

from .selection import Selection
from .verbs import Verb

#: Actions as the admin numbers them.
CHANGE, DELETION = 2, 3


def of_rows(user: Any, verb: Verb, rows: Sequence[Task], reason: str) -> None:
    """Write an entry for each of ``rows``, which moved."""
    _write(user, verb, [(str(row.pk), str(row)) for row in rows], _message(verb, reason))


def of_selection(user: Any, verb: Verb, chosen: Selection, moved: int, reason: str) -> None:
    """Write one entry for all the rows of a selection."""
    rows = ngettext("%(number)d task moved", "%(number)d tasks moved", moved) % {"number": moved}
    message = f"{_message(verb, reason)} — {chosen.filters.in_words()}; {rows}"
    _write(user, verb, [("", rows)], message)


def _message(verb: Verb, reason: str) -> str:
    return f"{verb.label}: {reason}" if reason else str(verb.label)


def _write(user: Any, verb: Verb, about: list[tuple[str, str]], message: str) -> None:
    if not apps.is_installed("django.contrib.admin"):
        return
    entries: Any = apps.get_model("admin", "logentry")
    kind = ContentType.objects.get_for_model(Task)
    flag = DELETION if verb.name == "delete" else CHANGE
    entries.objects.bulk_create(
        entries(
            user_id=user.pk,
            content_type_id=kind.pk,
            object_id=key or None,
            object_repr=text[:200],
            action_flag=flag,
            change_message=message,
        )
        for key, text in about
    )
