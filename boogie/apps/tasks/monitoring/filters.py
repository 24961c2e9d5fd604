"""
Filters of rows as people write them: in a URL, and under the same names on the command line.
"""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.utils.translation import gettext as _

from boogie.apps.tasks import registry
from boogie.apps.tasks.lifecycle import states
from boogie.apps.tasks.models import Batch, TaskQuerySet

from . import search
from .conditions import (
    FilterError,
    fixed_time,
    is_storable,
    models_named,
    moment,
    reference,
    types_of,
    user,
)
from .held import by as held_by

__all__ = ["FILTERS", "FilterError", "Filters", "in_words"]

#: Batches of one title whose rows are found: the newest.
BATCHES = 1000


@dataclass(frozen=True)
class Filters:
    """
    What rows are asked for, as text by name; equal ones are the same rows.

    Times that are counted from now are counted from when they were parsed.
    """

    given: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, params: Mapping[str, Any]) -> "Filters":
        """Take those of ``params`` that are filters; raise :class:`FilterError`."""
        found = {name: str(params[name]).strip() for name in FILTERS if params.get(name)}
        _refuse_unfit(found)
        fixed = {name: _FIXED.get(name, _as_it_is)(name, text) for name, text in found.items()}
        if search.is_about_failures(fixed.get("q", "")):
            fixed.setdefault("status", states.FAILED)
        filters = cls(tuple((name, fixed[name]) for name in FILTERS if fixed.get(name)))
        for name, text in filters.given:
            FILTERS[name](TaskQuerySet(_task_model()), name, text)
        return filters

    def apply(self, rows: TaskQuerySet) -> TaskQuerySet:
        """Return those of ``rows`` that fulfil all filters."""
        for name, text in self.given:
            rows = FILTERS[name](rows, name, text)
        return rows

    def as_dict(self) -> dict[str, str]:
        """Return them by name, as a URL has them."""
        return dict(self.given)

    def in_words(self) -> str:
        """Return which rows are meant, as the rest of a sentence."""
        sentences = _sentences()
        parts = [sentences[name] % {"text": in_words(name, text)} for name, text in self.given]
        return _("all tasks %(which)s") % {"which": ", ".join(parts)} if parts else _("all tasks")

    def without(self, *names: str) -> "Filters":
        """Return the others."""
        return Filters(tuple((name, text) for name, text in self.given if name not in names))


def in_words(name: str, text: str) -> str:
    """Return the text of a filter as people say it."""
    if name == "held_by":
        return held_by.in_words(text)
    words: dict[str, Any] = {"status": states.STATUS, "open": {"yes": _("yes"), "no": _("no")}}
    return str(words[name][text]) if name in words else text


def _refuse_unfit(found: Mapping[str, str]) -> None:
    """Raise :class:`FilterError` for text that no database could be asked about."""
    for name, text in found.items():
        if not is_storable(text):
            message = _("%(name)s: %(text)r is no text that any task could have.")
            raise FilterError(name, message % {"name": name, "text": text[:80]})


def _task_model() -> Any:
    return apps.get_model("boogie_tasks", "task")


def _sentences() -> dict[str, str]:
    return {
        "status": _("whose status is %(text)s"),
        "task": _("called %(text)s"),
        "queue": _("in the queue %(text)s"),
        "held_by": _("held by %(text)s"),
        "requested_by": _("requested by the user %(text)s"),
        "since": _("made at %(text)s or later"),
        "until": _("made before %(text)s"),
        "model": _("about objects of %(text)s"),
        "object": _("about %(text)s"),
        "error_type": _("that failed with %(text)s"),
        "batch": _("of the batch %(text)s"),
        "waits_for": _("waiting for the task %(text)s"),
        "open": _("open (failed, and acknowledged by nobody): %(text)s"),
        "q": _("found by “%(text)s”"),
    }


# --- each filter ----------------------------------------------------------------------


def _by_status(rows: TaskQuerySet, name: str, text: str) -> TaskQuerySet:
    if text not in states.STATUS:
        known = ", ".join(str(value) for value, _label in states.STATUS)
        raise FilterError(
            name,
            _("%(name)s: there is no status %(text)r, only %(known)s.")
            % {"name": name, "text": text, "known": known},
        )
    found = rows.filter(status=text)
    # Said, though it follows: so the index on the ends of rows can be used.
    return found.filter(ended__isnull=False) if text in states.ENDED else found


def _by_model(rows: TaskQuerySet, name: str, text: str) -> TaskQuerySet:
    found = [pk for model in models_named(name, text) for pk in types_of(model)]
    return rows.filter(content_type__in=found)


def _by_error_type(rows: TaskQuerySet, name: str, text: str) -> TaskQuerySet:
    """Return rows that failed with a type of error, with its module or by the name alone."""
    of_type = {"error_type": text} if "." in text else {"error_type__endswith": f".{text}"}
    return rows.failed().filter(**of_type)


def _open_or_not(rows: TaskQuerySet, name: str, text: str) -> TaskQuerySet:
    if text not in ("yes", "no"):
        raise FilterError(
            name, _("%(name)s: write yes or no, not %(text)r.") % {"name": name, "text": text}
        )
    failed = rows.failed()
    return failed.open_failures() if text == "yes" else failed.filter(acknowledged__isnull=False)


def _by_batch(rows: TaskQuerySet, name: str, text: str) -> TaskQuerySet:
    """Return rows of a batch, by its number, or of all with a title."""
    if text.isdecimal() and len(text) < 19:
        return rows.filter(batch_id=int(text), batch_id__isnull=False)
    titled = Batch.objects.filter(title=text).order_by("-pk").values_list("pk", flat=True)
    return rows.filter(batch_id__in=list(titled[:BATCHES]))


def _by_what_it_waits_for(rows: TaskQuerySet, name: str, text: str) -> TaskQuerySet:
    """Return rows that wait for one, by its id, or for any of a task, by its name."""
    try:
        return rows.waiting_on(pk=uuid.UUID(text))
    except ValueError:
        return rows.waiting_on(name__in=registry.names(text))


def _as_it_is(name: str, text: str) -> str:
    return text


Filter = Callable[[TaskQuerySet, str, str], TaskQuerySet]

#: By their names, in the order in which people read them.
FILTERS: dict[str, Filter] = {
    "status": _by_status,
    "task": lambda rows, name, text: rows.named(text),
    "queue": lambda rows, name, text: rows.filter(queue=text),
    "held_by": held_by.rows,
    "requested_by": lambda rows, name, text: rows.filter(
        requested_by_id=user(name, text).key, requested_by_id__gt=""
    ),
    "since": lambda rows, name, text: rows.filter(created__gte=moment(name, text)),
    "until": lambda rows, name, text: rows.filter(created__lt=moment(name, text)),
    "model": _by_model,
    "object": lambda rows, name, text: rows.filter(reference(name, text)),
    "error_type": _by_error_type,
    "batch": _by_batch,
    "waits_for": _by_what_it_waits_for,
    "open": _open_or_not,
    "q": lambda rows, name, text: search.found(rows, text),
}

#: What is read once: it must not change between a page that shows a filter and what is done to
#: its rows, or it takes a query.
_FIXED: dict[str, Callable[[str, str], str]] = {
    "requested_by": user,
    "held_by": held_by.resolved,
    "since": fixed_time,
    "until": fixed_time,
    "q": lambda name, text: search.resolved(text),
}
