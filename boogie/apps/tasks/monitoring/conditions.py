"""
What people write of rows, as conditions: times, objects, models and users.
"""

import re
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext as _

from boogie.apps.tasks.db import clock
from boogie.apps.tasks.enqueue import times
from boogie.apps.tasks.models import families, people
from boogie.apps.tasks.serialization import kinship, references

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


class FilterError(ValueError):
    """A value that a filter does not take. ``name`` is that of the filter."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


def is_storable(text: str) -> bool:
    """Return whether a database could have ``text``: without NUL, and without half a character."""
    return "\0" not in text and text.encode(errors="ignore").decode() == text


# --- times ----------------------------------------------------------------------------


def moment(name: str, text: str) -> datetime:
    """Return the time that ``text`` names: an ISO date or time, or ``2h``, so long ago."""
    try:
        found = _ago(text) or parse_datetime(text) or _midnight(parse_date(text))
        if found is not None:
            found = times.stored(found)
    except (ValueError, OverflowError):
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


def _ago(text: str) -> datetime | None:
    match = re.fullmatch(r"(\d{1,6})\s*([smhdw])", text)
    if match is None:
        return None
    return clock.here() - timedelta(seconds=int(match[1]) * UNITS[match[2]])


def _midnight(day: date | None) -> datetime | None:
    return None if day is None else datetime.combine(day, time())


def fixed_time(name: str, text: str) -> str:
    """Return the time that ``text`` names now, as text that names it for ever."""
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
    found = models.Q(pk__in=[])
    for model, key in objects_named(name, text):
        kinds = families.types(kinship.family(model))
        found |= models.Q(content_type__in=kinds, object_id=key)
    return found


def objects_named(name: str, text: str) -> list[tuple[type[models.Model], str]]:
    """Return what ``app.model:key`` may mean: models, each with the key as rows have it."""
    label, colon, key = text.partition(":")
    if not (colon and key):
        raise FilterError(
            name,
            _("%(name)s: write an object as app.model:key, not %(text)r.")
            % {"name": name, "text": text},
        )
    found = []
    for model in models_named(name, label):
        with suppress(ValidationError, ValueError, TypeError):
            found.append((model, references.object_key(object_with(model, key))))
    return found


def object_with(model: type[models.Model], key: str) -> models.Model:
    """Return an object with this key as text, unread; raise what fields raise at a wrong one."""
    return model(**{model._meta.pk.attname: references.key_value(model, key)})


def types_of(model: type[models.Model]) -> list[int]:
    """Return the keys of the content types of a model, its children and their proxies."""
    return [kind.pk for kind in families.types(kinship.branch(model))]


class Named(str):
    """The user's name or key as people write it, with the ``key`` of whom it means."""

    __slots__ = ("key",)

    key: str


def user(name: str, text: str) -> Named:
    """Return ``text`` with the key of the user who has this name, or this key."""
    if isinstance(text, Named):
        return text
    users: Any = get_user_model()
    known = users._base_manager.filter(**{users.USERNAME_FIELD: text}).first()
    found = Named(text)
    found.key = people.key_of(known) or text
    return found
