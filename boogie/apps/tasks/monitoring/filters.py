"""
Filters of rows as people write them: in a URL, and under the same names on the command line.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext as _

from boogie.apps.tasks.enqueue import times
from boogie.apps.tasks.lifecycle import states
from boogie.apps.tasks.models import TaskQuerySet, families, people
from boogie.apps.tasks.serialization import references

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


class FilterError(ValueError):
    """A value that a filter does not take. ``name`` is that of the filter."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


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
        fixed = {name: _FIXED.get(name, _as_it_is)(name, text) for name, text in found.items()}
        filters = cls(tuple((name, text) for name, text in fixed.items() if text))
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
        parts = [sentences[name] % {"text": text} for name, text in self.given]
        return _("all rows %(which)s") % {"which": ", ".join(parts)} if parts else _("all rows")

    def without(self, *names: str) -> "Filters":
        """Return the others."""
        return Filters(tuple((name, text) for name, text in self.given if name not in names))


def _task_model() -> Any:
    return apps.get_model("boogie_tasks", "task")


def _sentences() -> dict[str, str]:
    return {
        "status": _("whose status is %(text)s"),
        "task": _("of the task %(text)s"),
        "queue": _("in the queue %(text)s"),
        "requested_by": _("requested by the user %(text)s"),
        "since": _("made at %(text)s or later"),
        "until": _("made before %(text)s"),
        "model": _("about objects of %(text)s"),
        "object": _("about %(text)s"),
        "error_type": _("that failed with %(text)s"),
        "open": _("open (yes: failed, and acknowledged by nobody): %(text)s"),
    }


# --- times ----------------------------------------------------------------------------


def moment(name: str, text: str) -> datetime:
    """Return the time that ``text`` names: an ISO date or time, or ``2h``, so long ago."""
    if match := re.fullmatch(r"(\d{1,6})\s*([smhdw])", text):
        return timezone.now() - timedelta(seconds=int(match[1]) * UNITS[match[2]])
    try:
        found = parse_datetime(text) or _midnight(parse_date(text))
        if found is not None:
            found = times.stored(found)
    except ValueError:
        found = None
    if found is None:
        raise FilterError(
            name,
            _(
                "%(name)s: %(text)r is no time; write 30m, 2h or 7d (so long ago), 2026-11-26, or "
                "2026-11-26T14:30."
            )
            % {"name": name, "text": text},
        )
    return found


def _midnight(day: date | None) -> datetime | None:
    return None if day is None else datetime.combine(day, time())


def _fixed_time(name: str, text: str) -> str:
    return moment(name, text).isoformat()


# --- objects and people ---------------------------------------------------------------


def models_named(name: str, text: str) -> list[type[models.Model]]:
    """Return the models called ``app.model``, or ``model`` in whichever apps have one."""
    label = text.lower()
    found = [
        model
        for model in apps.get_models(include_auto_created=True)
        if label in (model._meta.label_lower, model._meta.model_name)
    ]
    if not found:
        raise FilterError(
            name,
            _("%(name)s: there is no model %(text)r; write it as app.model.")
            % {"name": name, "text": text},
        )
    return found


def reference(name: str, text: str) -> models.Q:
    """Return the condition of rows about ``app.model:key``."""
    label, colon, key = text.partition(":")
    if not (colon and key):
        raise FilterError(
            name,
            _("%(name)s: write an object as app.model:key, not %(text)r.")
            % {"name": name, "text": text},
        )
    found = models.Q(pk__in=[])
    for model in models_named(name, label):
        try:
            canonical = references.object_key(object_with(model, key))
        except (ValidationError, ValueError, TypeError):
            continue
        found |= models.Q(content_type__in=_types(model), object_id=canonical)
    return found


def object_with(model: type[models.Model], key: str) -> models.Model:
    """Return an object with this key as text, unread; raise what fields raise at a wrong one."""
    return model(**{model._meta.pk.attname: references.key_value(model, key)})


def _types(model: type[models.Model]) -> list[int]:
    kinds = ContentType.objects.get_for_models(*families.family(model), for_concrete_models=False)
    return [kind.pk for kind in kinds.values()]


def _user_key(name: str, text: str) -> str:
    """Return the key of the user with this name, or with this key."""
    users: Any = get_user_model()
    known = users._base_manager.filter(**{users.USERNAME_FIELD: text}).first()
    return people.key_of(known) or text


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
    found = [pk for model in models_named(name, text) for pk in _types(model)]
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
    return (
        rows.open_failures() if text == "yes" else rows.failed().filter(acknowledged__isnull=False)
    )


def _as_it_is(name: str, text: str) -> str:
    return text


Filter = Callable[[TaskQuerySet, str, str], TaskQuerySet]

#: By their names, in the order in which people read them.
FILTERS: dict[str, Filter] = {
    "status": _by_status,
    "task": lambda rows, name, text: rows.named(text),
    "queue": lambda rows, name, text: rows.filter(queue=text),
    "requested_by": lambda rows, name, text: rows.filter(
        requested_by_id=_user_key(name, text), requested_by_id__gt=""
    ),
    "since": lambda rows, name, text: rows.filter(created__gte=moment(name, text)),
    "until": lambda rows, name, text: rows.filter(created__lt=moment(name, text)),
    "model": _by_model,
    "object": lambda rows, name, text: rows.filter(reference(name, text)),
    "error_type": _by_error_type,
    "open": _open_or_not,
}

#: What must not change between a page that shows a filter and what is done to its rows.
_FIXED: dict[str, Callable[[str, str], str]] = {"since": _fixed_time, "until": _fixed_time}
