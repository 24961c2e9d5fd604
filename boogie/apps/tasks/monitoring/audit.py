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
    if entries := _entries():
        about = {"change_message": _message(verb, reason)}
        entries.objects.bulk_create(
            _entry(user, verb, str(row), object_id=str(row.pk), **about) for row in rows
        )


class OfSelection:
    """
    One entry for all the rows of a selection, written before the first of them moves.

    It says how many have moved so far: whoever is killed meanwhile has left it.
    """

    def __init__(self, user: Any, verb: Verb, chosen: Selection, reason: str) -> None:
        self._about = f"{_message(verb, reason)} — {chosen.filters.in_words()}"
        self._entry = _entry(user, verb) if _entries() else None
        self.say(0)

    def say(self, moved: int) -> None:
        """Write that so many rows moved."""
        if self._entry is not None:
            rows = ngettext("%(number)d task moved", "%(number)d tasks moved", moved)
            self._entry.object_repr = rows % {"number": moved}
            self._entry.change_message = f"{self._about}; {self._entry.object_repr}"
            self._entry.save()


def _message(verb: Verb, reason: str) -> str:
    return f"{verb.label}: {reason}" if reason else str(verb.label)


def _entries() -> Any:
    """Return the model of entries, if there is one."""
    if not apps.is_installed("django.contrib.admin"):
        return None
    return apps.get_model("admin", "logentry")


def _entry(user: Any, verb: Verb, text: str = "", **more: Any) -> Any:
    return _entries()(
        user_id=user.pk,
        content_type_id=ContentType.objects.get_for_model(Task).pk,
        object_repr=text[:200],
        action_flag=DELETION if verb.name == "delete" else CHANGE,
        **more,
    )
